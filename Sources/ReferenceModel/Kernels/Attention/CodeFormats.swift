import KVPolicyKit

#if arch(x86_64) && KVPOLICY_FMA
  // The compiler's module of intrinsics. From the same operations of SIMD types the compiler makes
  // one instruction for each element whose count or mask it can simplify.
  private import _Builtin_intrinsics.intel
#endif

/// The codes of a row as floats, without scale and zero. The first code is in the lowest bits.
///
/// Each element of a vector shifts its own code down in a copy of the word that all share.
enum Codes4: @unsafe LaneFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    let codes = unsafe row + element / 2
    #if KVPOLICY_AVX512
      let (low, high) = unsafe (
        codes.loadUnaligned(as: UInt32.self), (codes + 4).loadUnaligned(as: UInt32.self)
      )
      let words = WordVector(lowHalf: SIMD8(repeating: low), highHalf: SIMD8(repeating: high))
      let shifts = WordVector(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28)
    #else
      let words = unsafe WordVector(repeating: codes.loadUnaligned(as: UInt32.self))
      let shifts = WordVector(0, 4, 8, 12, 16, 20, 24, 28)
    #endif
    return floats(signed: fields(of: words, at: shifts, mask: 15))
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    let byte = unsafe row.load(fromByteOffset: element / 2, as: UInt8.self)
    return Float(byte >> UInt8(element % 2 &* 4) & 15)
  }
}

/// As `Codes4`, of 2 bits.
enum Codes2: @unsafe LaneFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    let codes = unsafe row + element / 4
    #if KVPOLICY_AVX512
      let words = unsafe WordVector(repeating: codes.loadUnaligned(as: UInt32.self))
      let shifts = WordVector(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
    #else
      let words = unsafe WordVector(repeating: UInt32(codes.loadUnaligned(as: UInt16.self)))
      let shifts = WordVector(0, 2, 4, 6, 8, 10, 12, 14)
    #endif
    return floats(signed: fields(of: words, at: shifts, mask: 3))
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    let byte = unsafe row.load(fromByteOffset: element / 4, as: UInt8.self)
    return Float(byte >> UInt8(element % 4 &* 2) & 3)
  }
}

/// As `Codes4`, of 8 bits.
enum Codes8: @unsafe LaneFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    unsafe floats(signed: words((row + element).loadUnaligned(as: ByteVector.self)))
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    unsafe Float(row.load(fromByteOffset: element, as: UInt8.self))
  }
}

/// Signed bytes as floats, without a scale.
enum SignedBytes: @unsafe LaneFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    unsafe floats(integers((row + element).loadUnaligned(as: ByteVector.self)))
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    unsafe Float(row.load(fromByteOffset: element, as: Int8.self))
  }
}

/// Codes that lie in words of neighbouring rows, as `CodeBlock` describes.
protocol WordCodes {
  /// Bits of a code.
  static var bits: Int { get }
}

extension Codes2: WordCodes { static var bits: Int { 2 } }
extension Codes4: WordCodes { static var bits: Int { 4 } }
extension Codes8: WordCodes { static var bits: Int { 8 } }

extension WordCodes {
  /// Pairs of neighbouring channels in a word.
  @inline(__always)
  static var pairs: Int { 16 / bits }

  /// Pair `index` of each word: the code of the even channel in the lower half, that of the odd
  /// channel in the upper half.
  @inline(__always)
  static func pair(_ index: Int, of words: WordVector) -> WordVector {
    let mask = UInt32((1 << bits) - 1) &* 0x1_0001
    let place = UInt32(truncatingIfNeeded: index &* bits)
    return fields(of: words, at: WordVector(repeating: place), mask: mask)
  }
}

/// Unsigned bytes as words.
@inline(__always)
func words(_ bytes: ByteVector) -> WordVector {
  // The types have equally many words. The mask removes the signs that the bytes were read with.
  unsafe unsafeBitCast(integers(bytes), to: WordVector.self) & WordVector(repeating: 255)
}

/// Words as floats, read as signed integers, which convert in one instruction.
@inline(__always)
func floats(signed words: WordVector) -> FloatVector {
  unsafe floats(unsafeBitCast(words, to: IntVector.self))
}

/// The bits of each word from a place of its own on, up to the width of the mask.
@inline(__always)
func fields(of words: WordVector, at places: WordVector, mask: UInt32) -> WordVector {
  let masks = WordVector(repeating: mask)
  #if KVPOLICY_AVX512
    // All types are 512 bits.
    let shifted = unsafe _mm512_srlv_epi32(
      unsafeBitCast(words, to: SIMD8<Int64>.self), unsafeBitCast(places, to: SIMD8<Int64>.self))
    return unsafe unsafeBitCast(
      _mm512_and_si512(shifted, unsafeBitCast(masks, to: SIMD8<Int64>.self)), to: WordVector.self)
  #elseif arch(x86_64) && KVPOLICY_FMA
    // All types are 256 bits.
    let shifted = unsafe _mm256_srlv_epi32(
      unsafeBitCast(words, to: SIMD4<Int64>.self), unsafeBitCast(places, to: SIMD4<Int64>.self))
    return unsafe unsafeBitCast(
      _mm256_and_si256(shifted, unsafeBitCast(masks, to: SIMD4<Int64>.self)), to: WordVector.self)
  #else
    return words &>> places & masks
  #endif
}
