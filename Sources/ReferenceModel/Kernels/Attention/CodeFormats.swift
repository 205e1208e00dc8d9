import KVPolicyKit

/// The codes of a row as floats, without scale and zero. The first code is in the lowest bits.
///
/// Each element of a vector keeps its code where the code is in the word that all share: a mask and
/// a power of two take less time than shifts by different counts. The code in the word's upper bits
/// would make the word negative: its upper bit is flipped, which subtracts half of what codes
/// count, and the half is added again.
enum Codes4: @unsafe LaneFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    let codes = unsafe row + element / 2
    #if KVPOLICY_AVX512
      let (low, high) = unsafe (
        codes.loadUnaligned(as: UInt32.self), (codes + 4).loadUnaligned(as: UInt32.self)
      )
      let words = WordVector(
        lowHalf: SIMD8(repeating: low), highHalf: SIMD8(repeating: high))
      let masks = WordVector(
        0xF, 0xF0, 0xF00, 0xF000, 0xF_0000, 0xF0_0000, 0xF00_0000, 0xF000_0000,
        0xF, 0xF0, 0xF00, 0xF000, 0xF_0000, 0xF0_0000, 0xF00_0000, 0xF000_0000)
      let flips = WordVector(
        0, 0, 0, 0, 0, 0, 0, 0x8000_0000, 0, 0, 0, 0, 0, 0, 0, 0x8000_0000)
      let powers = FloatVector(
        1, 0x1p-4, 0x1p-8, 0x1p-12, 0x1p-16, 0x1p-20, 0x1p-24, 0x1p-28,
        1, 0x1p-4, 0x1p-8, 0x1p-12, 0x1p-16, 0x1p-20, 0x1p-24, 0x1p-28)
      let halves = FloatVector(0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8)
    #else
      let words = unsafe WordVector(repeating: codes.loadUnaligned(as: UInt32.self))
      let masks = WordVector(
        0xF, 0xF0, 0xF00, 0xF000, 0xF_0000, 0xF0_0000, 0xF00_0000, 0xF000_0000)
      let flips = WordVector(0, 0, 0, 0, 0, 0, 0, 0x8000_0000)
      let powers = FloatVector(
        1, 0x1p-4, 0x1p-8, 0x1p-12, 0x1p-16, 0x1p-20, 0x1p-24, 0x1p-28)
      let halves = FloatVector(0, 0, 0, 0, 0, 0, 0, 8)
    #endif
    return multiplyAdd(floats(signed: (words & masks) ^ flips), powers, halves)
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
      let masks = WordVector(
        3, 3 << 2, 3 << 4, 3 << 6, 3 << 8, 3 << 10, 3 << 12, 3 << 14,
        3 << 16, 3 << 18, 3 << 20, 3 << 22, 3 << 24, 3 << 26, 3 << 28, 3 << 30)
      let flips = WordVector(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x8000_0000)
      let powers = FloatVector(
        1, 0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8, 0x1p-10, 0x1p-12, 0x1p-14,
        0x1p-16, 0x1p-18, 0x1p-20, 0x1p-22, 0x1p-24, 0x1p-26, 0x1p-28, 0x1p-30)
      let halves = FloatVector(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
      return multiplyAdd(floats(signed: (words & masks) ^ flips), powers, halves)
    #else
      let words = unsafe WordVector(repeating: UInt32(codes.loadUnaligned(as: UInt16.self)))
      let masks = WordVector(3, 3 << 2, 3 << 4, 3 << 6, 3 << 8, 3 << 10, 3 << 12, 3 << 14)
      let powers = FloatVector(1, 0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8, 0x1p-10, 0x1p-12, 0x1p-14)
      return floats(signed: words & masks) * powers
    #endif
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
    // The bytes are unsigned: their upper bit is put back by the mask.
    let bytes = unsafe (row + element).loadUnaligned(as: ByteVector.self)
    let words = unsafe unsafeBitCast(integers(bytes), to: WordVector.self)
    return floats(signed: words & WordVector(repeating: 255))
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

/// Words as floats, read as signed integers, which convert in one instruction.
@inline(__always)
private func floats(signed words: WordVector) -> FloatVector {
  unsafe floats(unsafeBitCast(words, to: IntVector.self))
}
