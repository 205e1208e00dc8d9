/// Some texts to learn from, one after the other. Attention never leaves a text.
public struct TrainingBatch: Sendable, Equatable {
  /// What the model reads.
  public let tokens: [Int]
  /// What it is to answer at each of them.
  public let targets: [Int]
  /// How much each answer counts; the loss is their weighted mean.
  public let weights: [Float]
  /// Tokens of each text.
  public let lengths: [Int]

  /// A batch of texts with targets and weights of their own.
  /// - Throws: `TrainingError.request` when the numbers do not fit together.
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

  /// Texts each of whose tokens is to be foretold from those before it; all count alike.
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

  /// The tokens of each text.
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
