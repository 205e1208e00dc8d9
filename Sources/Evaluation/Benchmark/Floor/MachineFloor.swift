/// What the machine itself can do, as measured here and now: no program on it is faster.
public struct MachineFloor: Codable, Hashable, Sendable {
  /// The speeds that so many threads reach together.
  public struct Team: Codable, Hashable, Sendable {
    /// Threads that work at the same time.
    public var threads: Int
    /// Bytes per second read from memory: a buffer of ``MachineFloor/memoryBytes``, in order.
    public var readBandwidth: Spread
    /// Bytes per second read from the cache: a buffer of ``MachineFloor/cacheBytes`` per thread, in order.
    public var cacheBandwidth: Spread
    /// Operations per second of multiply-adds between registers, two operations each.
    public var operationRate: Spread

    /// The least time, in seconds, for moving so many bytes and computing so much: memory and arithmetic
    /// work at the same time, so it is the longer of the two.
    public func seconds(bytes: Double, operations: Double) -> Double {
      max(bytes / readBandwidth.median, operations / operationRate.median)
    }
  }

  /// The size of the buffer that no cache holds.
  public var memoryBytes: Int
  /// The size of each thread's buffer that a shared cache holds.
  public var cacheBytes: Int
  /// One per number of threads, ascending.
  public var teams: [Team]

  /// The numbers of threads that are measured for a model that runs with `threads`: 1, 2, 4 and so on, and
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
