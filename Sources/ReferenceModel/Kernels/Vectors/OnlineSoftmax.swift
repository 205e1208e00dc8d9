extension Kernels {
  /// The greatest of `count` floats; −∞ when there are none.
  ///
  /// The memory must reach to the next whole tile; the floats past `count` become −∞.
  @unsafe @inline(__always)
  package static func greatest(padding x: UnsafeMutablePointer<Float>, count: Int) -> Float {
    unsafe pad(x, count: count)
    var top = FloatVector(repeating: -.infinity)
    var other = top
    var i = 0
    while i < count {
      let (lower, upper) = unsafe (loadVector(x + i), loadVector(x + i + vectorWidth))
      top.replace(with: lower, where: lower .> top)
      other.replace(with: upper, where: upper .> other)
      i &+= ProductTile.columns
    }
    top.replace(with: other, where: other .> top)
    return greatest(of: top)
  }

  /// Sets the floats between `count` and the next whole tile to −∞.
  @unsafe @inline(__always)
  package static func pad(_ x: UnsafeMutablePointer<Float>, count: Int) {
    var numbers = IntVector.zero
    for lane in 0..<vectorWidth { numbers[lane] = Int32(truncatingIfNeeded: lane) }
    let end = ProductTile.wholeColumns(count)
    var i = count / vectorWidth &* vectorWidth
    while i < end {
      var lanes = unsafe loadVector(x + i)
      lanes.replace(
        with: FloatVector(repeating: -.infinity),
        where: numbers .>= Int32(truncatingIfNeeded: count &- i))
      unsafe storeVector(lanes, x + i)
      i &+= vectorWidth
    }
  }

  /// `x = e^(x − top)`, up to the next whole tile after `count`; returns the sum.
  ///
  /// No `x` is greater than `top`. A logit of −∞ becomes exactly 0, also when `top` is −∞.
  @unsafe @inline(__always)
  package static func exponentials(
    _ x: UnsafeMutablePointer<Float>, count: Int, top: Float
  ) -> Float {
    let top = FloatVector(repeating: top > -.infinity ? top : 0)
    var sums = (FloatVector.zero, FloatVector.zero)
    var i = 0
    while i < count {
      let lower = unsafe exponentialBelowOne(loadVector(x + i) - top)
      let upper = unsafe exponentialBelowOne(loadVector(x + i + vectorWidth) - top)
      unsafe storeVector(lower, x + i)
      unsafe storeVector(upper, x + i + vectorWidth)
      sums.0 += lower
      sums.1 += upper
      i &+= ProductTile.columns
    }
    return (sums.0 + sums.1).total
  }

  /// `e^(x − top)` for one `x ≤ top`: the factor that converts sums relative to the maximum `x` to
  /// sums relative to `top`. 1 if both are equal, otherwise 0 for an `x` of −∞.
  @inline(__always)
  static func rescaling(from x: Float, to top: Float) -> Float {
    x == top ? 1 : exponentialBelowOne(FloatVector(repeating: x - top))[0]
  }

  /// The greatest element.
  @inline(__always)
  private static func greatest(of v: FloatVector) -> Float {
    #if KVPOLICY_AVX512
      var eight = v.lowHalf
      eight.replace(with: v.highHalf, where: v.highHalf .> eight)
    #else
      let eight = v
    #endif
    var four = eight.lowHalf
    four.replace(with: eight.highHalf, where: eight.highHalf .> four)
    return max(max(four.x, four.y), max(four.z, four.w))
  }
}
