/// Turning logits into probabilities.
public enum Softmax {
  /// How a row of probabilities joins an accumulator.
  public enum Fold: Sendable {
    /// Elementwise sum.
    case add
    /// Elementwise maximum.
    case max
  }

  /// Folds the softmax of `logits` over the supported rows into `total`.
  ///
  /// - Parameters:
  ///   - logits: one per row; −∞ counts as probability 0.
  ///   - bias: one per row, 0 where the row takes part and −∞ where it does not.
  ///   - total: one per row; rows without support are left as if 0 were folded in.
  /// - Complexity: O(n), eight rows at a time; allocates nothing.
  public static func fold(
    _ logits: Span<Float>, bias: [Float], into total: inout [Float], by fold: Fold
  ) {
    let count = logits.count
    precondition(bias.count >= count && total.count >= count, "one bias and one total for each row")
    // The three buffers hold at least `count` floats, as just checked; eights stop at or before it.
    unsafe logits.withUnsafeBufferPointer { logits in
      unsafe bias.withUnsafeBufferPointer { bias in
        unsafe total.withUnsafeMutableBufferPointer { total in
          guard let z = logits.baseAddress, let b = bias.baseAddress,
            let out = total.baseAddress
          else { return }
          unsafe accumulate(z, b, count, out, fold)
        }
      }
    }
  }

  /// Probabilities over the rows named by `support`, 0 elsewhere.
  public static func over(_ logits: Span<Float>, support: [Int]) -> [Float] {
    var bias = [Float](repeating: -.infinity, count: logits.count)
    for row in support { bias[row] = 0 }
    var result = [Float](repeating: 0, count: logits.count)
    fold(logits, bias: bias, into: &result, by: .add)
    return result
  }

  /// Probabilities over all rows.
  public static func over(_ logits: Span<Float>) -> [Float] {
    var result = [Float](repeating: 0, count: logits.count)
    let bias = result
    fold(logits, bias: bias, into: &result, by: .add)
    return result
  }

  @unsafe private static func accumulate(
    _ z: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ count: Int,
    _ out: UnsafeMutablePointer<Float>, _ fold: Fold
  ) {
    var largest = -Float.infinity
    for row in 0..<count { largest = max(largest, unsafe z[row] + bias[row]) }
    guard largest > -.infinity else { return }
    let sum = unsafe sumOfExponentials(z, bias, count, largest)
    let whole = count & ~7
    for row in stride(from: 0, to: whole, by: 8) {
      let p = exponential(unsafe load(z + row) + load(bias + row) - largest) / sum
      let old = unsafe load(out + row)
      let new = fold == .add ? old + p : old.replacing(with: p, where: p .> old)
      unsafe UnsafeMutableRawPointer(out + row).storeBytes(of: new, as: SIMD8<Float>.self)
    }
    for row in whole..<count {
      let x = unsafe z[row] + bias[row] - largest
      let p = exponential(SIMD8(repeating: x))[0] / sum
      unsafe out[row] = fold == .add ? out[row] + p : max(out[row], p)
    }
  }

  @unsafe private static func sumOfExponentials(
    _ z: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ count: Int, _ largest: Float
  ) -> Float {
    var sums = SIMD8<Float>.zero
    let whole = count & ~7
    for row in stride(from: 0, to: whole, by: 8) {
      sums += exponential(unsafe load(z + row) + load(bias + row) - largest)
    }
    var sum = sums.sum()
    for row in whole..<count {
      sum += exponential(SIMD8(repeating: unsafe z[row] + bias[row] - largest))[0]
    }
    return sum
  }

  @inline(__always)
  @unsafe private static func load(_ pointer: UnsafePointer<Float>) -> SIMD8<Float> {
    unsafe UnsafeRawPointer(pointer).loadUnaligned(as: SIMD8<Float>.self)
  }
}

/// `eˣ` of eight numbers, for `x ≤ 88`; below −87.3 the result is 0, of NaN it is NaN.
///
/// `x = n·ln 2 + r` with |r| ≤ ln 2 / 2; a polynomial of degree 6 gives eʳ within 2 ulp, and `2ⁿ` is put
/// together from its bits.
@inline(__always)
package func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
  let n = (x * 1.442_695_04).rounded(.toNearestOrEven)
  let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
  var p = SIMD8<Float>(repeating: 1.987_569_1e-4)
  p = p * r + 1.398_199_95e-3
  p = p * r + 8.333_452e-3
  p = p * r + 4.166_579_6e-2
  p = p * r + 1.666_666_5e-1
  p = p * r + 0.5
  p = p * r * r + r + 1
  // A damaged model's NaN is no exponent either; it stays NaN through `p`.
  let tooSmall = x .< -87.3
  let isExponent = x .>= -87.3
  let exponent = SIMD8<Int32>(n.replacing(with: 0, where: .!isExponent)) &+ 127
  let scale = unsafe unsafeBitCast(exponent &<< 23, to: SIMD8<Float>.self)
  return (p * scale).replacing(with: 0, where: tooSmall)
}
