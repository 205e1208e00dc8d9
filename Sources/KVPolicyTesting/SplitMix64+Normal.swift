import KVPolicyKit

extension SplitMix64 {
  /// A number of mean 0 and variance 1 that depends on the seed and coordinates only: a sum of four
  /// uniform numbers.
  static func number(seed: UInt64, at coordinates: [Int]) -> Double {
    let bits = bits(seed: seed, at: coordinates)
    let quarters = (0..<4).map { Double((bits >> UInt64(16 * $0)) & 0xFFFF) + 0.5 }
    // Each quarter is uniform on (0, 65536): mean 32768, variance 65536²/12.
    return (quarters.reduce(0, +) / 65536 - 2) * 3.0.squareRoot()
  }
}
