/// The measured speeds of the machine itself, which bound the speed of any program on it.
public struct MachineFloor: Codable, Hashable, Sendable {
  /// The speeds that a number of threads reaches together.
  public struct Team: Codable, Hashable, Sendable {
    /// Threads that work at the same time.
    public var threads: Int
    /// Bytes per second read from memory: a buffer of ``MachineFloor/memoryBytes``, in order.
    public var readBandwidth: Spread
    /// Bytes per second read from the cache: a buffer of ``MachineFloor/cacheBytes`` per thread, in
    /// order.
    public var cacheBandwidth: Spread
    /// Operations per second of multiply-adds between registers, two operations each.
    public var operationRate: Spread

    /// The least time, in seconds, to move `bytes` bytes and compute `operations` operations.
    /// Memory and arithmetic work at the same time, so the longer of the two counts.
    public func seconds(bytes: Double, operations: Double) -> Double {
      max(bytes / readBandwidth.median, operations / operationRate.median)
    }
  }

  /// The size of the buffer that exceeds every cache.
  public var memoryBytes: Int
  /// The size of each thread's buffer, which fits in the shared cache.
  public var cacheBytes: Int
  /// The speeds for each number of threads, ascending.
  public var teams: [Team]

  /// The numbers of threads to measure for a model that runs with `threads`: 1, 2, 4 and so on, and
  /// `threads` itself.
  static func teamSizes(upTo threads: Int) -> [Int] {
    var sizes: [Int] = []
    var size = 1
    while size < threads {
      sizes.append(size)
      size *= 2
    }
    return sizes + [threads]
  }
}
