// Vector conversions, element by element: each compiles to one or two instructions. The standard
// library's initialisers (`SIMD8<Float>(bytes)`) are the same loops, but in large functions the
// compiler leaves them as calls, which costs an order of magnitude there.

/// Eight floats from integers.
@inline(__always)
func floats(_ v: SIMD8<Int32>) -> Float8 {
  Float8(
    Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3]),
    Float(v[4]), Float(v[5]), Float(v[6]), Float(v[7]))
}

/// Eight floats from 16-bit floats, exactly.
@inline(__always)
func floats(_ v: SIMD8<Float16>) -> Float8 {
  Float8(
    Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3]),
    Float(v[4]), Float(v[5]), Float(v[6]), Float(v[7]))
}

/// Eight floats from the upper halves of their bits, exactly.
@inline(__always)
func floats(upperHalves v: SIMD8<UInt16>) -> Float8 {
  let bits = SIMD8<UInt32>(
    UInt32(v[0]), UInt32(v[1]), UInt32(v[2]), UInt32(v[3]),
    UInt32(v[4]), UInt32(v[5]), UInt32(v[6]), UInt32(v[7]))
  // Both types are eight 32-bit elements, and every bit pattern is a float.
  return unsafe unsafeBitCast(bits &<< 16, to: Float8.self)
}

/// Eight bytes as integers from 0 to 255.
@inline(__always)
func integers(_ v: SIMD8<UInt8>) -> SIMD8<Int32> {
  SIMD8<Int32>(
    Int32(v[0]), Int32(v[1]), Int32(v[2]), Int32(v[3]),
    Int32(v[4]), Int32(v[5]), Int32(v[6]), Int32(v[7]))
}

/// Eight signed bytes as integers.
@inline(__always)
func integers(_ v: SIMD8<Int8>) -> SIMD8<Int32> {
  SIMD8<Int32>(
    Int32(v[0]), Int32(v[1]), Int32(v[2]), Int32(v[3]),
    Int32(v[4]), Int32(v[5]), Int32(v[6]), Int32(v[7]))
}

#if KVPOLICY_AVX512
  /// Sixteen floats from integers.
  @inline(__always)
  func floats(_ v: SIMD16<Int32>) -> FloatVector {
    FloatVector(
      Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3]),
      Float(v[4]), Float(v[5]), Float(v[6]), Float(v[7]),
      Float(v[8]), Float(v[9]), Float(v[10]), Float(v[11]),
      Float(v[12]), Float(v[13]), Float(v[14]), Float(v[15]))
  }

  /// Sixteen floats from 16-bit floats, exactly.
  @inline(__always)
  func floats(_ v: SIMD16<Float16>) -> FloatVector {
    FloatVector(
      Float(v[0]), Float(v[1]), Float(v[2]), Float(v[3]),
      Float(v[4]), Float(v[5]), Float(v[6]), Float(v[7]),
      Float(v[8]), Float(v[9]), Float(v[10]), Float(v[11]),
      Float(v[12]), Float(v[13]), Float(v[14]), Float(v[15]))
  }

  /// Sixteen floats from the upper halves of their bits, exactly.
  @inline(__always)
  func floats(upperHalves v: SIMD16<UInt16>) -> FloatVector {
    let bits = WordVector(
      UInt32(v[0]), UInt32(v[1]), UInt32(v[2]), UInt32(v[3]),
      UInt32(v[4]), UInt32(v[5]), UInt32(v[6]), UInt32(v[7]),
      UInt32(v[8]), UInt32(v[9]), UInt32(v[10]), UInt32(v[11]),
      UInt32(v[12]), UInt32(v[13]), UInt32(v[14]), UInt32(v[15]))
    // Both types are sixteen 32-bit elements, and every bit pattern is a float.
    return unsafe unsafeBitCast(bits &<< 16, to: FloatVector.self)
  }

  /// Sixteen signed bytes as integers.
  @inline(__always)
  func integers(_ v: SIMD16<Int8>) -> IntVector {
    IntVector(
      Int32(v[0]), Int32(v[1]), Int32(v[2]), Int32(v[3]),
      Int32(v[4]), Int32(v[5]), Int32(v[6]), Int32(v[7]),
      Int32(v[8]), Int32(v[9]), Int32(v[10]), Int32(v[11]),
      Int32(v[12]), Int32(v[13]), Int32(v[14]), Int32(v[15]))
  }
#endif
