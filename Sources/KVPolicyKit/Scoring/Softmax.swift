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
