import Foundation

/// Measures of next-token distributions, in double precision from float32 vocabulary logits.
public enum Distribution {
  /// The two terms that turn a logit into a log-probability: `logit − largest − logSum`, where
  /// `logSum = log Σ exp(logit − largest)`. They stay separate so that large logits do not cost
  /// precision.
  ///
  /// - Parameter logits: `vocabulary` finite values; not empty.
  static func partition(_ logits: Span<Float>) -> (largest: Double, logSum: Double) {
    var most = -Float.infinity
    for token in 0..<logits.count { most = max(most, logits[token]) }
    let largest = Double(most)
    var sum = 0.0
    for token in 0..<logits.count { sum += exp(Double(logits[token]) - largest) }
    return (largest, log(sum))
  }

  /// `−log p(token)` in nats.
  public static func surprise(of token: Int, under logits: Span<Float>) -> Double {
    let (largest, logSum) = partition(logits)
    return largest - Double(logits[token]) + logSum
  }

  /// Kullback–Leibler divergence `KL(reference || other)` in nats: the loss per token of predicting
  /// with `other` when the true distribution is `reference`. Never negative; 0 for equal logits.
  ///
  /// - Parameters:
  ///   - reference: `vocabulary` finite logits.
  ///   - other: `vocabulary` finite logits.
  public static func divergence(from reference: Span<Float>, to other: Span<Float>) -> Double {
    precondition(reference.count == other.count, "a divergence needs two of the same vocabulary")
    let (mine, theirs) = (partition(reference), partition(other))
    var total = 0.0
    for token in 0..<reference.count {
      let ownLog = Double(reference[token]) - mine.largest - mine.logSum
      let otherLog = Double(other[token]) - theirs.largest - theirs.logSum
      total += exp(ownLog) * (ownLog - otherLog)
    }
    // The terms have both signs, so rounding can leave the sum slightly below zero.
    return max(0, total)
  }

  /// How many tokens come before `token` in the order of likelihood; of equal logits, the lower
  /// token comes first.
  ///
  /// - Parameters:
  ///   - token: a token of the vocabulary.
  ///   - logits: `vocabulary` finite values.
  static func rank(of token: Int, under logits: Span<Float>) -> Int {
    let own = logits[token]
    var before = 0
    for other in 0..<logits.count where logits[other] > own || logits[other] == own && other < token
    {
      before += 1
    }
    return before
  }
}
