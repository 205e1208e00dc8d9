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

/// Sums of 32 pairs, each times two rows' weights.
struct PairedSums {
  /// Pairs of registers.
  @inline(__always) static var registerPairs: Int { 16 / vectorWidth }

  private var s0 = IntVector.zero
  private var s1 = IntVector.zero
  private var s2 = IntVector.zero
  private var s3 = IntVector.zero

  /// Adds registers 2i and 2i + 1 of pairs, times two weights, which are two integers of 16 bits.
  @unsafe @inline(__always)
  mutating func add(
    _ i: Int, _ pairs: (WordVector, WordVector), times weights: UnsafePointer<Int16>
  ) {
    let both = unsafe WordVector(
      repeating: UnsafeRawPointer(weights).loadUnaligned(as: UInt32.self))
    if i == 0 {
      addPairProducts(pairs.0, both, to: &s0)
      addPairProducts(pairs.1, both, to: &s1)
    } else {
      addPairProducts(pairs.0, both, to: &s2)
      addPairProducts(pairs.1, both, to: &s3)
    }
  }

  /// The sums as floats.
  @inline(__always)
  var eights: Eights {
    #if KVPOLICY_AVX512
      (floats(s0.lowHalf), floats(s0.highHalf), floats(s1.lowHalf), floats(s1.highHalf))
    #else
      (floats(s0), floats(s1), floats(s2), floats(s3))
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

/// Numbers that are bytes.
protocol ByteNumbers: PairedNumbers {
  /// The pairs of a register's bytes of two rows.
  @unsafe static func bytePairs(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer) -> WordVector
}

extension Codes8: ByteNumbers {
  @unsafe @inline(__always)
  static func bytePairs(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer) -> WordVector {
    unsafe words(a.loadUnaligned(as: ByteVector.self))
      | words(b.loadUnaligned(as: ByteVector.self)) &<< 16
  }
}

extension SignedBytes: ByteNumbers {
  @unsafe @inline(__always)
  static func bytePairs(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer) -> WordVector {
    let x = unsafe integers(a.loadUnaligned(as: ByteVector.self))
    let y = unsafe integers(b.loadUnaligned(as: ByteVector.self))
    // All types have equally many words of 32 bits.
    return unsafe unsafeBitCast(x & 0xFFFF | y &<< 16, to: WordVector.self)
  }
}

extension ByteNumbers {
  @unsafe @inline(__always)
  static func pairs(
    _ i: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer
  ) -> (WordVector, WordVector) {
    let (x, y) = (2 &* i &* vectorWidth, (2 &* i &+ 1) &* vectorWidth)
    return unsafe (bytePairs(a + x, b + x), bytePairs(a + y, b + y))
  }

  @inline(__always)
  static func inOrder(_ eights: Eights) -> Eights { eights }
}
