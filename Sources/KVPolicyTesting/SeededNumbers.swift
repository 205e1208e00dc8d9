/// Random numbers that only depend on a seed: SplitMix64.
///
/// Not for secrets; for tests that give the same numbers on every machine.
public struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator with this seed.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return SeededNumbers.mix(state)
  }

  /// A number in [0, 1).
  public mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// Scrambles 64 bits: equal inputs give equal outputs, near ones unrelated outputs.
  public static func mix(_ bits: UInt64) -> UInt64 {
    var z = bits
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number of mean 0 and variance 1 that belongs to these coordinates: a sum of four uniform ones.
  static func number(seed: UInt64, at coordinates: [Int]) -> Double {
    var bits = mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    for coordinate in coordinates {
      bits = mix(bits ^ UInt64(truncatingIfNeeded: coordinate &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    }
    let quarters = (0..<4).map { Double((bits >> UInt64(16 * $0)) & 0xFFFF) + 0.5 }
    // Each quarter is uniform on (0, 65536): mean 32768, variance 65536²/12.
    return (quarters.reduce(0, +) / 65536 - 2) * 3.0.squareRoot()
  }
}
