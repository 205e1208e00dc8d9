/// Multiply-adds of sixteen floats at once, which touch no memory.
///
/// This module is compiled for AVX-512 in every build, so that a benchmark can measure what the
/// processor has: call it only where `Processor.isWide`.
package enum WideArithmetic {
  /// A multiplication and an addition for each element of each of twelve sums.
  package static let operationsPerRound = Double(2 * 12 * 16)

  /// Adds one multiply-add to each sum, `rounds` times.
  package static func multiplyAdds(rounds: Int, seed: Float) -> Float {
    // The sums converge to one half, so they stay normal floats for any number of rounds.
    let (factor, addend) = (SIMD16<Float>(repeating: 0.5), SIMD16<Float>(repeating: 0.25))
    var s0 = SIMD16<Float>(repeating: seed)
    var (s1, s2, s3) = (s0 + 1, s0 + 2, s0 + 3)
    var (s4, s5, s6, s7) = (s0 + 4, s0 + 5, s0 + 6, s0 + 7)
    var (s8, s9, s10, s11) = (s0 + 8, s0 + 9, s0 + 10, s0 + 11)
    var round = 0
    while round < rounds {
      s0 = addend.addingProduct(s0, factor)
      s1 = addend.addingProduct(s1, factor)
      s2 = addend.addingProduct(s2, factor)
      s3 = addend.addingProduct(s3, factor)
      s4 = addend.addingProduct(s4, factor)
      s5 = addend.addingProduct(s5, factor)
      s6 = addend.addingProduct(s6, factor)
      s7 = addend.addingProduct(s7, factor)
      s8 = addend.addingProduct(s8, factor)
      s9 = addend.addingProduct(s9, factor)
      s10 = addend.addingProduct(s10, factor)
      s11 = addend.addingProduct(s11, factor)
      round &+= 1
    }
    let all = ((s0 + s1 + s2) + (s3 + s4 + s5)) + ((s6 + s7 + s8) + (s9 + s10 + s11))
    return all[0]
  }
}
