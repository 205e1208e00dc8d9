import Foundation

/// Measures of next-token distributions, in double precision from float32 logits.
public enum Distribution {
  /// `log Σ exp(logit)`: what turns a logit into a log-probability when subtracted.
  ///
  /// - Parameter logits: `vocabulary` finite values; not empty.
  public static func logPartition(_ logits: Span<Float>) -> Double {
    var largest = -Float.infinity
    for token in 0..<logits.count { largest = max(largest, logits[token]) }
    var sum = 0.0
    for token in 0..<logits.count { sum += exp(Double(logits[token]) - Double(largest)) }
    return Double(largest) + log(sum)
  }

  /// `−log p(token)` in nats.
  public static func surprise(of token: Int, under logits: Span<Float>) -> Double {
    logPartition(logits) - Double(logits[token])
  }

  /// Kullback–Leibler divergence `KL(reference || other)` in nats: what is lost, per token, by
  /// predicting with `other` what is distributed as `reference`. Never negative; 0 for equal logits.
  ///
  /// - Parameters:
  ///   - reference: `vocabulary` finite logits.
  ///   - other: as many.
  public static func divergence(from reference: Span<Float>, to other: Span<Float>) -> Double {
    precondition(reference.count == other.count, "a divergence needs two of the same vocabulary")
    let (mine, theirs) = (logPartition(reference), logPartition(other))
    var total = 0.0
    for token in 0..<reference.count {
      let ownLog = Double(reference[token]) - mine
      total += exp(ownLog) * (ownLog - (Double(other[token]) - theirs))
    }
    // Rounding can leave a sum of terms of both signs a hair below nothing.
    return max(0, total)
  }
}
