/// Texts to learn from, one after the other. Attention stays within a text.
public struct TrainingBatch: Sendable, Equatable {
  /// The tokens that the model reads.
  public let tokens: [Int]
  /// The token that the model is to predict at each index.
  public let targets: [Int]
  /// The weight of each prediction. The loss is the weighted mean of the cross-entropies.
  public let weights: [Float]
  /// The number of tokens of each text.
  public let lengths: [Int]

  /// A batch of texts with given targets and weights.
  /// - Throws: `TrainingError.request` when the counts do not fit together, a weight is negative or
  ///   not finite, or no weight is positive.
  public init(
    tokens: [Int], targets: [Int], weights: [Float], lengths: [Int]
  ) throws(TrainingError) {
    guard targets.count == tokens.count, weights.count == tokens.count else {
      throw .request(
        "\(tokens.count) tokens need as many targets and weights, "
          + "not \(targets.count) and \(weights.count)")
    }
    guard lengths.allSatisfy({ $0 > 0 }), lengths.reduce(0, +) == tokens.count else {
      throw .request("the lengths of the texts are positive and add up to \(tokens.count) tokens")
    }
    guard weights.allSatisfy({ $0 >= 0 && $0.isFinite }), weights.contains(where: { $0 > 0 })
    else { throw .request("weights are not negative, and at least one is positive") }
    self.tokens = tokens
    self.targets = targets
    self.weights = weights
    self.lengths = lengths
  }

  /// Texts each of whose tokens is predicted from the tokens before it, all with weight 1.
  /// - Throws: `TrainingError.request` for a text of fewer than two tokens.
  public init(texts: [[Int]]) throws(TrainingError) {
    guard texts.allSatisfy({ $0.count >= 2 }) else {
      throw .request("a text of fewer than two tokens has nothing to foretell")
    }
    let tokens = texts.flatMap { $0.dropLast() }
    try self.init(
      tokens: tokens, targets: texts.flatMap { $0.dropFirst() },
      weights: [Float](repeating: 1, count: tokens.count), lengths: texts.map { $0.count - 1 })
  }

  /// The indices of each text's tokens.
  var ranges: [Range<Int>] {
    var end = 0
    return lengths.map { length in
      defer { end += length }
      return end..<end + length
    }
  }

  /// The position of each token in its text.
  var positions: [Int] { lengths.flatMap { 0..<$0 } }

  /// The sum of the weights.
  var totalWeight: Double { weights.reduce(0) { $0 + Double($1) } }
}
