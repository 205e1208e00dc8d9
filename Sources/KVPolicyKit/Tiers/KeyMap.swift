/// What is stored of a lane's keys where they are codes: some of their channels, each times a
/// factor.
///
/// A query reads such keys as if the other channels were 0 and the factors divided out.
public struct KeyMap: Hashable, Sendable {
  /// The channels that are stored, ascending.
  public let channels: [Int]
  /// The factor of each stored channel; nil for 1.
  public let factors: [Float]?

  /// Stores these channels, at least one, ascending, times these factors, finite and not 0.
  public init(channels: [Int], factors: [Float]? = nil) {
    self.channels = channels
    self.factors = factors
  }

  /// Why keys of `width` channels cannot be stored so; nil if they can.
  func problem(width: Int) -> String? {
    guard let first = channels.first, let last = channels.last, first >= 0, last < width,
      zip(channels, channels.dropFirst()).allSatisfy({ $0 < $1 })
    else { return "a key map needs channels below \(width), ascending, and at least one" }
    if let factors {
      guard factors.count == channels.count, factors.allSatisfy({ $0.isFinite && $0 != 0 }) else {
        return "a key map needs a factor for each channel, finite and not 0"
      }
    }
    return nil
  }

  /// The stored numbers of a key.
  @unsafe func store(_ key: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    for (index, channel) in channels.enumerated() {
      unsafe target[index] = key[channel] * (factors?[index] ?? 1)
    }
  }

  /// The key of some stored numbers: `width` floats.
  @unsafe func restore(
    _ stored: UnsafePointer<Float>, width: Int, to key: UnsafeMutablePointer<Float>
  ) {
    unsafe key.update(repeating: 0, count: width)
    for (index, channel) in channels.enumerated() {
      unsafe key[channel] = stored[index] / (factors?[index] ?? 1)
    }
  }
}
