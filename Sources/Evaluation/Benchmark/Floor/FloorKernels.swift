internal import Processor
internal import WideProcessor

/// Memory that is read from one end to the other, as weights are.
final class ReadBuffer: Sendable {
  private let blocks: [SIMD8<Float>]

  /// Allocates and writes the memory: the system backs a page with memory only when it is first
  /// written.
  init(bytes: Int) { blocks = Array(repeating: SIMD8(repeating: 1), count: bytes / 32) }

  /// The size in bytes.
  var bytes: Int { blocks.count * 32 }

  /// The sum over part `part` of `parts` equal parts, added to `start`. If each pass starts with
  /// the result of the pass before, the compiler cannot drop a pass.
  @inline(never)
  func sum(part: Int, of parts: Int, from start: Float = 0) -> Float {
    let range = blocks.count * part / parts..<blocks.count * (part + 1) / parts
    // Eight independent sums, because an addition takes longer than the next loads.
    let zero = SIMD8<Float>.zero
    var (s0, s1, s2, s3) = (zero + start, zero, zero, zero)
    var (s4, s5, s6, s7) = (zero, zero, zero, zero)
    // `i + 7` stays below `range.upperBound`, which is at most the number of blocks.
    unsafe blocks.withUnsafeBufferPointer { blocks in
      var i = range.lowerBound
      while i &+ 8 <= range.upperBound {
        unsafe s0 += blocks[i]
        unsafe s1 += blocks[i &+ 1]
        unsafe s2 += blocks[i &+ 2]
        unsafe s3 += blocks[i &+ 3]
        unsafe s4 += blocks[i &+ 4]
        unsafe s5 += blocks[i &+ 5]
        unsafe s6 += blocks[i &+ 6]
        unsafe s7 += blocks[i &+ 7]
        i &+= 8
      }
      while i < range.upperBound {
        unsafe s0 += blocks[i]
        i &+= 1
      }
    }
    return ((s0 + s1) + (s2 + s3) + (s4 + s5) + (s6 + s7)).sum()
  }
}

/// Multiply-adds that touch no memory, with the widest vectors that the processor has.
enum FloatArithmetic {
  #if KVPOLICY_FMA || arch(arm64)
    private typealias Lanes = SIMD8<Float>
  #else
    /// The vector of one register without the vector flags.
    private typealias Lanes = SIMD4<Float>
  #endif

  /// Sums that are updated in turn: enough to fill two pipelines of five stages, few enough for all
  /// of them to stay in registers.
  private static let sums = 12

  /// A multiplication and an addition for each element of each sum.
  static var operationsPerRound: Double {
    Processor.isWide
      ? WideArithmetic.operationsPerRound : Double(2 * sums * Lanes.scalarCount)
  }

  /// Adds one multiply-add to each sum, `rounds` times.
  static func multiplyAdds(rounds: Int, seed: Float) -> Float {
    guard !Processor.isWide else {
      return WideArithmetic.multiplyAdds(rounds: rounds, seed: seed)
    }
    // The sums converge to one half, so they stay normal floats for any number of rounds.
    let (factor, addend) = (Lanes(repeating: 0.5), Lanes(repeating: 0.25))
    var s0 = Lanes(repeating: seed)
    var (s1, s2, s3) = (s0 + 1, s0 + 2, s0 + 3)
    var (s4, s5, s6, s7) = (s0 + 4, s0 + 5, s0 + 6, s0 + 7)
    var (s8, s9, s10, s11) = (s0 + 8, s0 + 9, s0 + 10, s0 + 11)
    var round = 0
    while round < rounds {
      s0 = multiplyAdd(s0, factor, addend)
      s1 = multiplyAdd(s1, factor, addend)
      s2 = multiplyAdd(s2, factor, addend)
      s3 = multiplyAdd(s3, factor, addend)
      s4 = multiplyAdd(s4, factor, addend)
      s5 = multiplyAdd(s5, factor, addend)
      s6 = multiplyAdd(s6, factor, addend)
      s7 = multiplyAdd(s7, factor, addend)
      s8 = multiplyAdd(s8, factor, addend)
      s9 = multiplyAdd(s9, factor, addend)
      s10 = multiplyAdd(s10, factor, addend)
      s11 = multiplyAdd(s11, factor, addend)
      round &+= 1
    }
    return ((s0 + s1 + s2) + (s3 + s4 + s5) + (s6 + s7 + s8) + (s9 + s10 + s11)).sum()
  }

  /// `a·b + c`, fused where the target has the instruction.
  @inline(__always)
  private static func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    #if KVPOLICY_FMA || arch(arm64)
      c.addingProduct(a, b)
    #else
      a * b + c
    #endif
  }
}
