extension Kernels {
  /// `y = x / √(mean(x²) + ε) · weight` over `count` floats; `y` may be `x`.
  @unsafe package static func rmsNorm(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, count: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    let square = unsafe sumOfSquares(x, count: count)
    let factor = 1 / (square / Float(max(count, 1)) + epsilon).squareRoot()
    var i = 0
    while i &+ vectorWidth <= count {
      unsafe storeVector(loadVector(x + i) * factor * loadVector(weight + i), y + i)
      i &+= vectorWidth
    }
    while i < count {
      unsafe y[i] = x[i] * factor * weight[i]
      i &+= 1
    }
  }

  /// `y = silu(gate) · up` over `count` floats, where `silu(g) = g / (1 + e⁻ᵍ)`; `y` may be either.
  @unsafe package static func swiGLU(
    gate: UnsafePointer<Float>, up: UnsafePointer<Float>, count: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    var i = 0
    while i &+ vectorWidth <= count {
      let g = unsafe loadVector(gate + i)
      unsafe storeVector(g / (1 + exponential(-g)) * loadVector(up + i), y + i)
      i &+= vectorWidth
    }
    if i < count {
      let g = unsafe loadVector(gate + i, count: count &- i, filler: 0)
      let u = unsafe loadVector(up + i, count: count &- i, filler: 0)
      unsafe storeVector(g / (1 + exponential(-g)) * u, y + i, count: count &- i)
    }
  }

  /// `y += x` over `count` floats.
  @unsafe package static func add(
    _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i &+ vectorWidth <= count {
      unsafe storeVector(loadVector(y + i) + loadVector(x + i), y + i)
      i &+= vectorWidth
    }
    while i < count {
      unsafe y[i] += x[i]
      i &+= 1
    }
  }

  /// `y += factor · x` over `count` floats.
  @unsafe package static func add(
    _ x: UnsafePointer<Float>, times factor: Float, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    let factors = FloatVector(repeating: factor)
    var i = 0
    while i &+ vectorWidth <= count {
      unsafe storeVector(multiplyAdd(loadVector(x + i), factors, loadVector(y + i)), y + i)
      i &+= vectorWidth
    }
    while i < count {
      unsafe y[i] = multiplyAdd(x[i], factor, y[i])
      i &+= 1
    }
  }

  /// `y = factor · x` over `count` floats; `y` may be `x`.
  @unsafe package static func scale(
    _ x: UnsafePointer<Float>, by factor: Float, into y: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i &+ vectorWidth <= count {
      unsafe storeVector(loadVector(x + i) * factor, y + i)
      i &+= vectorWidth
    }
    while i < count {
      unsafe y[i] = x[i] * factor
      i &+= 1
    }
  }

  /// `y += term` over `count` floats.
  @unsafe static func add(_ term: Float, to y: UnsafeMutablePointer<Float>, count: Int) {
    var i = 0
    while i &+ vectorWidth <= count {
      unsafe storeVector(loadVector(y + i) + term, y + i)
      i &+= vectorWidth
    }
    while i < count {
      unsafe y[i] += term
      i &+= 1
    }
  }

  /// The sum of `count` floats.
  @unsafe static func total(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var sums = FloatVector.zero
    var i = 0
    while i &+ vectorWidth <= count {
      unsafe sums += loadVector(x + i)
      i &+= vectorWidth
    }
    var rest: Float = 0
    while i < count {
      unsafe rest += x[i]
      i &+= 1
    }
    return sums.total + rest
  }

  /// Uses four accumulators, so that the additions do not wait for each other.
  @unsafe @inline(__always)
  private static func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var sums = (FloatVector.zero, FloatVector.zero, FloatVector.zero, FloatVector.zero)
    var i = 0
    while i &+ 4 &* vectorWidth <= count {
      let (a, b) = unsafe (loadVector(x + i), loadVector(x + i + vectorWidth))
      let (c, d) = unsafe (
        loadVector(x + i + 2 &* vectorWidth), loadVector(x + i + 3 &* vectorWidth)
      )
      sums.0 = multiplyAdd(a, a, sums.0)
      sums.1 = multiplyAdd(b, b, sums.1)
      sums.2 = multiplyAdd(c, c, sums.2)
      sums.3 = multiplyAdd(d, d, sums.3)
      i &+= 4 &* vectorWidth
    }
    var rest: Float = 0
    while i < count {
      rest = unsafe multiplyAdd(x[i], x[i], rest)
      i &+= 1
    }
    return ((sums.0 + sums.1) + (sums.2 + sums.3)).total + rest
  }
}

extension Kernels {
  /// Whether all of `count` floats are finite.
  @unsafe package static func isFinite(_ x: UnsafePointer<Float>, count: Int) -> Bool {
    // x − x is 0 for a finite number and otherwise a NaN, which makes the whole sum a NaN.
    var sum = FloatVector.zero
    var i = 0
    while i &+ vectorWidth <= count {
      let value = unsafe loadVector(x + i)
      sum += value - value
      i &+= vectorWidth
    }
    var rest: Float = 0
    while i < count {
      rest += unsafe x[i] - x[i]
      i &+= 1
    }
    return sum == .zero && rest == 0
  }
}
