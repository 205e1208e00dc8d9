/// Random numbers that depend on a seed only and are the same on every machine: Sebastiano Vigna's
/// SplitMix64. Not for secrets.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Starts at a seed.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return SplitMix64.mix(state)
  }

  /// A number in [0, 1).
  public mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// Scrambles 64 bits: equal inputs give equal outputs, similar inputs give unrelated outputs.
  public static func mix(_ bits: UInt64) -> UInt64 {
    var z = bits
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// 64 bits that depend on a seed and coordinates only, whatever was drawn before.
  public static func bits(seed: UInt64, at coordinates: [Int]) -> UInt64 {
    coordinates.reduce(mix(seed &+ 0x9E37_79B9_7F4A_7C15)) { bits, coordinate in
      mix(bits ^ UInt64(truncatingIfNeeded: coordinate &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    }
  }
}
