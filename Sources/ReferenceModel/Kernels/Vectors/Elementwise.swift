extension Kernels {
  /// `y = x / √(mean(x²) + ε) · weight` over `count` floats; `y` may be `x`.
  @unsafe package static func rmsNorm(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, count: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    let square = unsafe sumOfSquares(x, count: count)
    let factor = 1 / (square / Float(max(count, 1)) + epsilon).squareRoot()
    var i = 0
    while i &+ 8 <= count {
      unsafe store8(load8(x + i) * factor * load8(weight + i), y + i)
      i &+= 8
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
    while i &+ 8 <= count {
      let g = unsafe load8(gate + i)
      unsafe store8(g / (1 + exponential(-g)) * load8(up + i), y + i)
      i &+= 8
    }
    if i < count {
      let g = unsafe load8(gate + i, count: count &- i, filler: 0)
      let u = unsafe load8(up + i, count: count &- i, filler: 0)
      unsafe store8(g / (1 + exponential(-g)) * u, y + i, count: count &- i)
    }
  }

  /// `y += x` over `count` floats.
  @unsafe package static func add(
    _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i &+ 8 <= count {
      unsafe store8(load8(y + i) + load8(x + i), y + i)
      i &+= 8
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
    let factors = Float8(repeating: factor)
    var i = 0
    while i &+ 8 <= count {
      unsafe store8(multiplyAdd(load8(x + i), factors, load8(y + i)), y + i)
      i &+= 8
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
    while i &+ 8 <= count {
      unsafe store8(load8(x + i) * factor, y + i)
      i &+= 8
    }
    while i < count {
      unsafe y[i] = x[i] * factor
      i &+= 1
    }
  }

  /// Uses four accumulators, so that the additions do not wait for each other.
  @unsafe @inline(__always)
  private static func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var sums = (Float8.zero, Float8.zero, Float8.zero, Float8.zero)
    var i = 0
    while i &+ 32 <= count {
      let (a, b) = unsafe (load8(x + i), load8(x + i + 8))
      let (c, d) = unsafe (load8(x + i + 16), load8(x + i + 24))
      sums.0 = multiplyAdd(a, a, sums.0)
      sums.1 = multiplyAdd(b, b, sums.1)
      sums.2 = multiplyAdd(c, c, sums.2)
      sums.3 = multiplyAdd(d, d, sums.3)
      i &+= 32
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
