/// How 32 numbers of each of two rows become pairs: words of 32 bits with a number of the first row
/// in the lower half, and the same number of the second row in the upper half.
///
/// The pairs are four registers of eight words, or two registers of sixteen.
protocol PairedNumbers: IntegerNumbers {
  /// Registers 2i and 2i + 1 of the pairs of two rows. Rows may start at any address.
  @unsafe static func pairs(
    _ i: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer
  ) -> (WordVector, WordVector)
  /// What belongs to the numbers of all registers, eight by eight, in the order of a row.
  static func inOrder(_ eights: Eights) -> Eights
}

/// 32 floats.
typealias Eights = (Float8, Float8, Float8, Float8)

/// Sums of two registers of pairs, each times two rows' weights.
struct PairedSums {
  /// How many such sums 32 pairs have. With registers of eight words it is two, which are not added
  /// at the same time: for three heads they would need all sixteen registers of AVX2, and some sums
  /// would be in memory.
  @inline(__always) static var parts: Int { 16 / vectorWidth }

  private var s0 = IntVector.zero
  private var s1 = IntVector.zero

  /// Adds two registers of pairs, times two weights, which are two integers of 16 bits.
  @unsafe @inline(__always)
  mutating func add(_ pairs: (WordVector, WordVector), times weights: UnsafePointer<Int16>) {
    let both = unsafe WordVector(
      repeating: UnsafeRawPointer(weights).loadUnaligned(as: UInt32.self))
    addPairProducts(pairs.0, both, to: &s0)
    addPairProducts(pairs.1, both, to: &s1)
  }

  /// The sums of 32 pairs as floats. Where they have one part, it is both the first and the last.
  @inline(__always)
  static func eights(_ first: PairedSums, _ last: PairedSums) -> Eights {
    #if KVPOLICY_AVX512
      (
        floats(first.s0.lowHalf), floats(first.s0.highHalf),
        floats(first.s1.lowHalf), floats(first.s1.highHalf)
      )
    #else
      (floats(first.s0), floats(first.s1), floats(last.s0), floats(last.s1))
    #endif
  }
}

/// Codes of which eight words have 32: the first codes of all words come first, then the second.
protocol FourCodes: WordCodes, PairedNumbers {
  /// 32 codes of a row, four consecutive ones in each word, from its lowest bit on.
  @unsafe static func words(_ row: UnsafeRawPointer) -> SIMD8<UInt32>
}

extension Codes4: FourCodes {
  @unsafe @inline(__always)
  static func words(_ row: UnsafeRawPointer) -> SIMD8<UInt32> {
    unsafe SIMD8(truncatingIfNeeded: row.loadUnaligned(as: SIMD8<UInt16>.self))
  }
}

extension Codes2: FourCodes {
  @unsafe @inline(__always)
  static func words(_ row: UnsafeRawPointer) -> SIMD8<UInt32> {
    unsafe SIMD8(truncatingIfNeeded: row.loadUnaligned(as: SIMD8<UInt8>.self))
  }
}

extension FourCodes {
  @unsafe @inline(__always)
  static func pairs(
    _ i: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer
  ) -> (WordVector, WordVector) {
    let both = unsafe words(a) | words(b) &<< 16
    #if KVPOLICY_AVX512
      let twice = WordVector(lowHalf: both, highHalf: both)
      let second = UInt32(truncatingIfNeeded: bits)
      let places = WordVector(lowHalf: SIMD8(repeating: 0), highHalf: SIMD8(repeating: second))
      let mask = (1 &<< second &- 1) &* 0x1_0001
      return (
        fields(of: twice, at: places, mask: mask),
        fields(of: twice, at: places &+ 2 &* second, mask: mask)
      )
    #else
      return (pair(2 &* i, of: both), pair(2 &* i &+ 1, of: both))
    #endif
  }

  @inline(__always)
  static func inOrder(_ eights: Eights) -> Eights { interleaved(eights) }
}

extension ByteNumbers {
  @unsafe @inline(__always)
  static func pairs(
    _ i: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer
  ) -> (WordVector, WordVector) {
    #if KVPOLICY_AVX512
      let (x, y) = unsafe (eight(a, b), eight(a + 8, b + 8))
      let (z, w) = unsafe (eight(a + 16, b + 16), eight(a + 24, b + 24))
      return (WordVector(lowHalf: x, highHalf: y), WordVector(lowHalf: z, highHalf: w))
    #else
      return unsafe (eight(a + 16 &* i, b + 16 &* i), eight(a + 16 &* i + 8, b + 16 &* i + 8))
    #endif
  }

  /// Eight pairs.
  @unsafe @inline(__always)
  private static func eight(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer) -> SIMD8<UInt32> {
    let x = unsafe a.loadUnaligned(as: SIMD8<Byte>.self)
    let y = unsafe b.loadUnaligned(as: SIMD8<Byte>.self)
    let bytes = SIMD16<Byte>(
      x[0], y[0], x[1], y[1], x[2], y[2], x[3], y[3],
      x[4], y[4], x[5], y[5], x[6], y[6], x[7], y[7])
    // Both types are 256 bits.
    return unsafe unsafeBitCast(widened(bytes), to: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func inOrder(_ eights: Eights) -> Eights { eights }
}
