/// Memory to be read from one end to the other, as weights are.
final class ReadBuffer: Sendable {
  private let blocks: [SIMD8<Float>]

  /// Takes and fills the memory: what was never written to is not there to be read.
  init(bytes: Int) { blocks = Array(repeating: SIMD8(repeating: 1), count: bytes / 32) }

  /// Its size.
  var bytes: Int { blocks.count * 32 }

  /// The sum over one of so many equal parts, added to `start`: a reading that begins with the outcome of
  /// the one before cannot be left out.
  @inline(never)
  func sum(part: Int, of parts: Int, from start: Float = 0) -> Float {
    let range = blocks.count * part / parts..<blocks.count * (part + 1) / parts
    // Eight sums: an addition takes longer than the next loads.
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

/// Multiply-adds that touch no memory.
enum FloatArithmetic {
  #if KVPOLICY_FMA || arch(arm64)
    private typealias Lanes = SIMD8<Float>
  #else
    /// What one register holds without the vector flags.
    private typealias Lanes = SIMD4<Float>
  #endif

  /// Sums that are added to in turn: enough to fill two pipelines of five stages, few enough that all of
  /// them stay in registers.
  private static let sums = 12

  /// A multiplication and an addition for each element of each sum.
  static var operationsPerRound: Double { Double(2 * sums * Lanes.scalarCount) }

  /// `rounds` times one multiply-add to each sum, as the kernels of this build make them.
  static func multiplyAdds(rounds: Int, seed: Float) -> Float {
    // The sums tend to one half and stay ordinary numbers, however many rounds there are.
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
