extension Kernels {
  /// The greatest of `count` floats; −∞ when there are none.
  ///
  /// The memory must reach to the next multiple of sixteen; the floats past `count` become −∞.
  @unsafe @inline(__always)
  package static func greatest(padding x: UnsafeMutablePointer<Float>, count: Int) -> Float {
    unsafe pad(x, count: count)
    var top = Float8(repeating: -.infinity)
    var other = top
    var i = 0
    while i < count {
      let (lower, upper) = unsafe (load8(x + i), load8(x + i + 8))
      top.replace(with: lower, where: lower .> top)
      other.replace(with: upper, where: upper .> other)
      i &+= 16
    }
    top.replace(with: other, where: other .> top)
    var four = SIMD4<Float>(top[0], top[1], top[2], top[3])
    let upper = SIMD4<Float>(top[4], top[5], top[6], top[7])
    four.replace(with: upper, where: upper .> four)
    return max(max(four.x, four.y), max(four.z, four.w))
  }

  /// Sets the floats between `count` and the next multiple of sixteen to −∞.
  @unsafe @inline(__always)
  package static func pad(_ x: UnsafeMutablePointer<Float>, count: Int) {
    let numbers = SIMD8<Int32>(0, 1, 2, 3, 4, 5, 6, 7)
    var i = count & ~15
    let end = (count &+ 15) & ~15
    while i < end {
      var lanes = unsafe load8(x + i)
      lanes.replace(
        with: Float8(repeating: -.infinity),
        where: numbers .>= Int32(truncatingIfNeeded: count &- i))
      unsafe store8(lanes, x + i)
      i &+= 8
    }
  }

  /// `x = e^(x − top)`, up to the next multiple of sixteen after `count`; returns the sum.
  ///
  /// No `x` is greater than `top`. A logit of −∞ becomes exactly 0, also when `top` is −∞.
  @unsafe @inline(__always)
  package static func exponentials(
    _ x: UnsafeMutablePointer<Float>, count: Int, top: Float
  ) -> Float {
    let top = Float8(repeating: top > -.infinity ? top : 0)
    var sums = (Float8.zero, Float8.zero)
    var i = 0
    while i < count {
      let lower = unsafe exponentialBelowOne(load8(x + i) - top)
      let upper = unsafe exponentialBelowOne(load8(x + i + 8) - top)
      unsafe store8(lower, x + i)
      unsafe store8(upper, x + i + 8)
      sums.0 += lower
      sums.1 += upper
      i &+= 16
    }
    return (sums.0 + sums.1).total
  }

  /// `e^(x − top)` for one `x ≤ top`: the factor that converts sums relative to the maximum `x` to
  /// sums relative to `top`. 1 if both are equal, otherwise 0 for an `x` of −∞.
  @inline(__always)
  static func rescaling(from x: Float, to top: Float) -> Float {
    x == top ? 1 : exponentialBelowOne(Float8(repeating: x - top))[0]
  }
}
