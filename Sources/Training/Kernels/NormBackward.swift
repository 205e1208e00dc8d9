internal import ReferenceModel

extension Kernels {
  /// Adds the gradient of `y = x · r · weight`, with `r = 1 / √(mean(x²) + ε)`, to `dx`:
  /// `r · (weight·dy) − x · r³/count · Σ weight·dy·x`. Adds `dy · x · r` to `gain` if it is not
  /// nil.
  @unsafe static func rmsNormBackward(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, dy: UnsafePointer<Float>,
    epsilon: Float, count: Int, into dx: UnsafeMutablePointer<Float>,
    gain: UnsafeMutablePointer<Float>?
  ) {
    let (square, along) = unsafe normSums(x, weight, dy, count)
    let r = 1 / (square / Float(count) + epsilon).squareRoot()
    let c = -along * r * r * r / Float(count)
    var i = 0
    while i &+ 8 <= count {
      let across = unsafe load8(dy + i) * load8(weight + i) * r
      unsafe store8(load8(dx + i) + multiplyAdd(load8(x + i), Float8(repeating: c), across), dx + i)
      i &+= 8
    }
    while i < count {
      unsafe dx[i] += multiplyAdd(x[i], c, dy[i] * weight[i] * r)
      i &+= 1
    }
    if let gain = unsafe gain { unsafe addNormGain(x, dy, r, count, to: gain) }
  }

  /// `Σ x²` and `Σ weight · dy · x`.
  @unsafe @inline(__always)
  private static func normSums(
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
    _ count: Int
  ) -> (Float, Float) {
    var (squares, products) = (Float8.zero, Float8.zero)
    var i = 0
    while i &+ 8 <= count {
      let own = unsafe load8(x + i)
      squares = multiplyAdd(own, own, squares)
      products = unsafe multiplyAdd(load8(weight + i) * load8(dy + i), own, products)
      i &+= 8
    }
    var (square, product) = (squares.total, products.total)
    while i < count {
      unsafe square += x[i] * x[i]
      unsafe product += weight[i] * dy[i] * x[i]
      i &+= 1
    }
    return (square, product)
  }

  @unsafe @inline(__always)
  private static func addNormGain(
    _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ r: Float, _ count: Int,
    to gain: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i &+ 8 <= count {
      unsafe store8(multiplyAdd(load8(x + i) * r, load8(dy + i), load8(gain + i)), gain + i)
      i &+= 8
    }
    while i < count {
      unsafe gain[i] = multiplyAdd(x[i] * r, dy[i], gain[i])
      i &+= 1
    }
  }
}
