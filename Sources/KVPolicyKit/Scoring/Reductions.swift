#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How the scores of a group of query heads become one score of their key head.
public enum GroupReduction: String, CaseIterable, Sendable {
  /// The arithmetic mean.
  case mean
  /// The largest.
  case max
  /// The sum.
  case sum

  /// Reduces `rows`, one per query head, elementwise.
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
  /// Mean over the kernel; beyond the ends counts as 0 and is divided by the full kernel.
  case average
  /// Largest within the kernel.
  case max

  /// Pools with stride 1 over an odd kernel; the length stays.
  public func callAsFunction(_ scores: [Float], kernel: Int) -> [Float] {
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

/// Turning logits into probabilities.
public enum Softmax {
  /// Probabilities over the rows named by `support`, 0 elsewhere. −∞ logits get 0.
  public static func over(_ logits: Span<Float>, support: [Int]) -> [Float] {
    var result = [Float](repeating: 0, count: logits.count)
    var largest = -Float.infinity
    for row in support { largest = max(largest, logits[row]) }
    guard largest > -.infinity else { return result }
    var sum: Float = 0
    for row in support {
      result[row] = expf(logits[row] - largest)
      sum += result[row]
    }
    for row in support { result[row] /= sum }
    return result
  }

  /// Probabilities over all rows.
  public static func over(_ logits: Span<Float>) -> [Float] {
    over(logits, support: Array(0..<logits.count))
  }
}
