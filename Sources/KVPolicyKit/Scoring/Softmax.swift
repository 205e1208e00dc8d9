/// Turning logits into probabilities.
public enum Softmax {
  /// How arrays of probabilities are combined, elementwise.
  public enum Fold: Sendable {
    /// By their sum.
    case add
    /// By their maximum.
    case max
  }

  /// Folds the softmax of `logits` over the supported rows into `total`.
  ///
  /// - Parameters:
  ///   - logits: one per row; −∞ counts as probability 0.
  ///   - bias: one per row, 0 where the row takes part and −∞ where it does not.
  ///   - total: one per row; 0 is folded into rows without support.
  ///   - fold: whether to add or to take the maximum.
  ///   - share: a factor that the probabilities are multiplied by.
  ///   - scratch: grows to one number per row; keep it for the next call.
  /// - Precondition: `bias` and `total` have a number for each logit. It runs in every step, and
  ///   the arrays are the policy's own, so a shorter one is a mistake in its code and traps.
  /// - Complexity: O(n), eight rows at a time.
  public static func fold(
    _ logits: Span<Float>, bias: [Float], into total: inout [Float], by fold: Fold,
    times share: Float = 1, scratch: inout [Float]
  ) {
    let count = logits.count
    precondition(bias.count >= count && total.count >= count, "one bias and one total for each row")
    if scratch.count < count {
      scratch.append(contentsOf: repeatElement(0, count: count - scratch.count))
    }
    // The four buffers hold at least `count` floats, as just checked.
    unsafe logits.withUnsafeBufferPointer { logits in
      unsafe bias.withUnsafeBufferPointer { bias in
        unsafe scratch.withUnsafeMutableBufferPointer { scratch in
          unsafe total.withUnsafeMutableBufferPointer { total in
            guard let z = logits.baseAddress, let b = bias.baseAddress,
              let e = scratch.baseAddress, let out = total.baseAddress
            else { return }
            let scale = unsafe exponentials(z, b, count, into: e)
            unsafe join(e, scale: scale * share, count, into: out, fold)
          }
        }
      }
    }
  }

  /// Probabilities over the rows named by `support`, 0 elsewhere.
  ///
  /// - Precondition: every row of `support` has a logit, as for an index of an array.
  public static func over(_ logits: Span<Float>, support: [Int]) -> [Float] {
    var bias = [Float](repeating: -.infinity, count: logits.count)
    for row in support { bias[row] = 0 }
    return over(logits, bias: bias)
  }

  /// Probabilities over all rows.
  public static func over(_ logits: Span<Float>) -> [Float] {
    over(logits, bias: [Float](repeating: 0, count: logits.count))
  }

  private static func over(_ logits: Span<Float>, bias: [Float]) -> [Float] {
    var result = [Float](repeating: 0, count: logits.count)
    var scratch: [Float] = []
    fold(logits, bias: bias, into: &result, by: .add, scratch: &scratch)
    return result
  }

  /// `e[row] = exp(z[row] + bias[row] − largest)`. The returned factor turns these numbers into
  /// probabilities; it is 0 if no row has support.
  @unsafe static func exponentials(
    _ z: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ count: Int,
    into e: UnsafeMutablePointer<Float>
  ) -> Float {
    var tops = SIMD8<Float>(repeating: -.infinity)
    var row = 0
    while row < count {
      let x = unsafe load(z, row, count) + load(bias, row, count)
      tops.replace(with: x, where: x .> tops)
      row += 8
    }
    let largest = tops.max()
    guard largest > -.infinity else {
      unsafe e.update(repeating: 0, count: count)
      return 0
    }
    var sums = SIMD8<Float>.zero
    row = 0
    while row < count {
      let p = exponential(unsafe load(z, row, count) + load(bias, row, count) - largest)
      sums += p
      unsafe store(p, e, row, count)
      row += 8
    }
    return 1 / sums.sum()
  }

  /// Folds `e × scale` into `total`.
  @unsafe private static func join(
    _ e: UnsafePointer<Float>, scale: Float, _ count: Int,
    into total: UnsafeMutablePointer<Float>, _ fold: Fold
  ) {
    var row = 0
    while row < count {
      let p = unsafe load(e, row, count) * scale
      let old = unsafe load(total, row, count)
      let new = fold == .add ? old + p : old.replacing(with: p, where: p .> old)
      unsafe store(new, total, row, count)
      row += 8
    }
  }

  /// Eight floats from `row` on; elements at and after `count` are `beyond`.
  @inlinable
  @inline(__always)
  @unsafe package static func load(
    _ base: UnsafePointer<Float>, _ row: Int, _ count: Int, beyond: Float = -.infinity
  ) -> SIMD8<Float> {
    if row &+ 8 <= count {
      return unsafe UnsafeRawPointer(base + row).loadUnaligned(as: SIMD8<Float>.self)
    }
    var result = SIMD8<Float>(repeating: beyond)
    for index in row..<count { result[index &- row] = unsafe base[index] }
    return result
  }

  /// Stores those of eight floats whose rows, from `row` on, are below `count`.
  @inlinable
  @inline(__always)
  @unsafe package static func store(
    _ value: SIMD8<Float>, _ base: UnsafeMutablePointer<Float>, _ row: Int, _ count: Int
  ) {
    if row &+ 8 <= count {
      unsafe UnsafeMutableRawPointer(base + row).storeBytes(of: value, as: SIMD8<Float>.self)
    } else {
      for index in row..<count { unsafe base[index] = value[index &- row] }
    }
  }
}
