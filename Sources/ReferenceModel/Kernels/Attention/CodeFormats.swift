import KVPolicyKit

/// The codes of a row as floats, without scale and zero. The first code is in the lowest bits.
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
      let shifts = WordVector(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28)
    #else
      let words = unsafe WordVector(repeating: codes.loadUnaligned(as: UInt32.self))
      let shifts = WordVector(0, 4, 8, 12, 16, 20, 24, 28)
    #endif
    return floats(ofCodes: (words &>> shifts) & WordVector(repeating: 15))
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
    return floats(ofCodes: (words &>> shifts) & WordVector(repeating: 3))
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
    return floats(ofCodes: words & WordVector(repeating: 255))
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

/// Codes as floats: small enough for signed integers, which convert in one instruction.
@inline(__always)
private func floats(ofCodes words: WordVector) -> FloatVector {
  unsafe floats(unsafeBitCast(words, to: IntVector.self))
}
