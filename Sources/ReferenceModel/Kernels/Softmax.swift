extension Kernels {
  /// Softmax of `count` logits, in place.
  ///
  /// The greatest logit is subtracted first, so no exponential overflows. A logit of −∞ becomes
  /// exactly 0; when all are −∞, all become 0.
  @unsafe package static func softmax(_ x: UnsafeMutablePointer<Float>, count: Int) {
    let whole = count & ~7
    let rest = count & 7
    let top = unsafe greatest(x, count: count)
    guard top > -.infinity else {
      unsafe x.update(repeating: 0, count: count)
      return
    }
    var sums = Float8.zero
    var i = 0
    while i < whole {
      let e = unsafe exponential(load8(x + i) - top)
      unsafe store8(e, x + i)
      sums += e
      i &+= 8
    }
    if rest > 0 {
      let e = unsafe exponential(load8(x + whole, count: rest, filler: -.infinity) - top)
      unsafe store8(e, x + whole, count: rest)
      sums += e
    }
    // The greatest logit contributes e⁰ = 1: the sum is not 0.
    unsafe scale(x, by: 1 / sums.total, into: x, count: count)
  }

  /// The greatest of `count` floats; −∞ when there are none.
  @unsafe @inline(__always)
  private static func greatest(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var top = Float8(repeating: -.infinity)
    var i = 0
    while i &+ 8 <= count {
      let lanes = unsafe load8(x + i)
      top.replace(with: lanes, where: lanes .> top)
      i &+= 8
    }
    let lanes = unsafe load8(x + i, count: count &- i, filler: -.infinity)
    top.replace(with: lanes, where: lanes .> top)
    var result = top[0]
    for lane in 1..<8 { result = max(result, top[lane]) }
    return result
  }
}
