/// How the scores of a group of query heads become one score of their key head.
public enum GroupReduction: String, CaseIterable, Sendable {
  /// The arithmetic mean.
  case mean
  /// The largest.
  case max
  /// The sum.
  case sum

  /// Reduces `rows` elementwise; each element holds the scores of one query head.
  ///
  /// - Precondition: no element is shorter than the first. Policies call this with arrays of one
  ///   length, so a shorter one is a mistake in their code and traps.
  public func callAsFunction(_ rows: [[Float]]) -> [Float] {
    guard var result = rows.first else { return [] }
    for row in rows.dropFirst() {
      for index in result.indices {
        result[index] =
          self == .max ? Swift.max(result[index], row[index]) : result[index] + row[index]
      }
    }
    if self == .mean { for index in result.indices { result[index] /= Float(rows.count) } }
    return result
  }
}

/// Smoothing scores over neighbouring positions, so that whole phrases are kept (SnapKV §4.2).
public enum Pooling: String, CaseIterable, Sendable {
  /// Mean over the kernel; positions beyond the ends count as 0, and the divisor is the full
  /// kernel.
  case average
  /// Largest within the kernel.
  case max

  /// Pools with stride 1 over an odd kernel; the number of scores does not change. A kernel below 1
  /// counts as 1, which leaves the scores as they are.
  public func callAsFunction(_ scores: [Float], kernel: Int) -> [Float] {
    let kernel = Swift.max(1, kernel)
    let reach = kernel / 2
    return scores.indices.map { index in
      let window = scores[Swift.max(0, index - reach)...Swift.min(scores.count - 1, index + reach)]
      switch self {
      case .average: return window.reduce(0, +) / Float(kernel)
      case .max: return window.max() ?? 0
      }
    }
  }
}
