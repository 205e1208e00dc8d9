/// Eight floats: one AVX register.
@usableFromInline package typealias Float8 = SIMD8<Float>

#if KVPOLICY_AVX512
  /// The floats of one vector register of the processors that the build is for. Kernels that are
  /// written with it are as wide as the machine.
  @usableFromInline package typealias FloatVector = SIMD16<Float>
  typealias IntVector = SIMD16<Int32>
  typealias WordVector = SIMD16<UInt32>
  typealias HalfVector = SIMD16<Float16>
  typealias ShortVector = SIMD16<UInt16>
  typealias ByteVector = SIMD16<Int8>
#else
  /// The floats of one vector register of the processors that the build is for. Kernels that are
  /// written with it are as wide as the machine.
  @usableFromInline package typealias FloatVector = SIMD8<Float>
  typealias IntVector = SIMD8<Int32>
  typealias WordVector = SIMD8<UInt32>
  typealias HalfVector = SIMD8<Float16>
  typealias ShortVector = SIMD8<UInt16>
  typealias ByteVector = SIMD8<Int8>
#endif

/// Floats of a `FloatVector`: 16 or 8.
@inlinable package var vectorWidth: Int { FloatVector.scalarCount }

/// `a·b + c` of each element, rounded once where the target has the instruction.
///
/// Without `KVPOLICY_FMA` a fused multiply-add would be a library call per element, so the product
/// is rounded first: the last bit differs, but the speed does not collapse.
@inlinable @inline(__always)
package func multiplyAdd(_ a: Float8, _ b: Float8, _ c: Float8) -> Float8 {
  #if KVPOLICY_FMA || arch(arm64)
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

#if KVPOLICY_AVX512
  /// `a·b + c` of each element, rounded once.
  @inlinable @inline(__always)
  package func multiplyAdd(
    _ a: FloatVector, _ b: FloatVector, _ c: FloatVector
  ) -> FloatVector {
    c.addingProduct(a, b)
  }
#endif

/// `a·b + c`, rounded as `multiplyAdd` of vectors rounds it.
@inlinable @inline(__always)
package func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
  #if KVPOLICY_FMA || arch(arm64)
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

/// `a·b + c` of each element, rounded as `multiplyAdd` of eight elements rounds it.
@inlinable @inline(__always)
package func multiplyAdd(_ a: SIMD2<Float>, _ b: SIMD2<Float>, _ c: SIMD2<Float>) -> SIMD2<Float> {
  #if KVPOLICY_FMA || arch(arm64)
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

/// `a·b + c` of each element, rounded as `multiplyAdd` of eight elements rounds it.
@inlinable @inline(__always)
package func multiplyAdd(_ a: SIMD4<Float>, _ b: SIMD4<Float>, _ c: SIMD4<Float>) -> SIMD4<Float> {
  #if KVPOLICY_FMA || arch(arm64)
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

/// A register of floats from `p`, which needs no alignment; `p[0..<vectorWidth]` must be readable.
@unsafe @inlinable @inline(__always)
package func loadVector(_ p: UnsafePointer<Float>) -> FloatVector {
  unsafe UnsafeRawPointer(p).loadUnaligned(as: FloatVector.self)
}

/// Writes a register of floats to `p`, which needs no alignment; `p[0..<vectorWidth]` must be
/// writable.
@unsafe @inlinable @inline(__always)
package func storeVector(_ value: FloatVector, _ p: UnsafeMutablePointer<Float>) {
  unsafe UnsafeMutableRawPointer(p).storeBytes(of: value, as: FloatVector.self)
}

/// Writes the first `count` elements to `p`, fewer than a register has, and nothing past them.
@unsafe @inlinable @inline(__always)
package func storeVector(_ value: FloatVector, _ p: UnsafeMutablePointer<Float>, count: Int) {
  for lane in 0..<count { unsafe p[lane] = value[lane] }
}

/// The first `count` floats of `p`, fewer than a register has; the other elements are `filler`.
/// Reads nothing past `count`.
@unsafe @inlinable @inline(__always)
package func loadVector(
  _ p: UnsafePointer<Float>, count: Int, filler: Float
) -> FloatVector {
  var lanes = FloatVector(repeating: filler)
  for lane in 0..<count { unsafe lanes[lane] = p[lane] }
  return lanes
}

/// Eight floats from `p`, which needs no alignment; `p[0..<8]` must be readable.
@unsafe @inlinable @inline(__always)
package func load8(_ p: UnsafePointer<Float>) -> Float8 {
  unsafe UnsafeRawPointer(p).loadUnaligned(as: Float8.self)
}

/// Writes eight floats to `p`, which needs no alignment; `p[0..<8]` must be writable.
@unsafe @inlinable @inline(__always)
package func store8(_ value: Float8, _ p: UnsafeMutablePointer<Float>) {
  unsafe UnsafeMutableRawPointer(p).storeBytes(of: value, as: Float8.self)
}

/// The first `count < 8` floats of `p`; the other elements are `filler`. Reads nothing past
/// `count`.
@unsafe @inlinable @inline(__always)
package func load8(_ p: UnsafePointer<Float>, count: Int, filler: Float) -> Float8 {
  var lanes = Float8(repeating: filler)
  for lane in 0..<count { unsafe lanes[lane] = p[lane] }
  return lanes
}

/// Writes the first `count < 8` elements to `p`, and nothing past them.
@unsafe @inlinable @inline(__always)
package func store8(_ value: Float8, _ p: UnsafeMutablePointer<Float>, count: Int) {
  for lane in 0..<count { unsafe p[lane] = value[lane] }
}

extension SIMD8 where Scalar == Float {
  /// The sum of the elements as a tree: element i with i + 4, then i + 2, then i + 1.
  @inlinable @inline(__always)
  package var total: Float {
    let four = lowHalf + highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// The greatest element of numbers, of which none is a NaN.
  @inlinable @inline(__always)
  package var greatest: Float {
    var four = lowHalf
    four.replace(with: highHalf, where: highHalf .> four)
    let two = SIMD2(four.x > four.z ? four.x : four.z, four.y > four.w ? four.y : four.w)
    return two.x > two.y ? two.x : two.y
  }
}

#if KVPOLICY_AVX512
  extension SIMD16 where Scalar == Float {
    /// The sum of the elements as a tree: element i with i + 8, then as of eight elements.
    @inlinable @inline(__always)
    package var total: Float { (lowHalf + highHalf).total }

    /// The greatest element of numbers, of which none is a NaN.
    @inlinable @inline(__always)
    package var greatest: Float {
      var eight = lowHalf
      eight.replace(with: highHalf, where: highHalf .> eight)
      return eight.greatest
    }
  }
#endif
