extension Kernels {
  /// Whether none of `count` floats is infinite or not a number.
  @unsafe package static func isFinite(_ x: UnsafePointer<Float>, count: Int) -> Bool {
    // x − x is 0 for a finite number and not a number otherwise, which any sum remembers.
    var sum = SIMD8<Float>.zero
    var i = 0
    while i &+ 8 <= count {
      let value = unsafe load8(x + i)
      sum += value - value
      i &+= 8
    }
    var rest: Float = 0
    while i < count {
      rest += unsafe x[i] - x[i]
      i &+= 1
    }
    return sum == .zero && rest == 0
  }
}
