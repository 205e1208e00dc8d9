import Foundation
import ReferenceModel

/// The vocabulary logits of a run, kept so that later runs can be compared with them exactly.
///
/// `steps × vocabulary` floats, row-major.
struct RecordedLogits {
  private let vocabulary: Int
  private var values: [Float] = []

  init(steps: Int, vocabulary: Int) {
    self.vocabulary = vocabulary
    values.reserveCapacity(steps * vocabulary)
  }

  /// Appends one step's logits.
  mutating func append(_ logits: Span<Float>) {
    for token in 0..<logits.count { values.append(logits[token]) }
  }

  /// Runs `body` with the logits of one step.
  func withStep<Result>(_ step: Int, _ body: (Span<Float>) -> Result) -> Result {
    body(values.span.extracting(step * vocabulary..<(step + 1) * vocabulary))
  }
}

/// Sums over tokens of how well a run predicts the text, and how close it stays to the reference.
struct Fidelity {
  private var surprise = 0.0
  private var predictions = 0
  private var divergence = 0.0
  private var agreements = 0
  private var comparisons = 0

  /// Adds the prediction of `token`, the true next token.
  mutating func predict(_ token: Int, from logits: Span<Float>) {
    surprise += Distribution.surprise(of: token, under: logits)
    predictions += 1
  }

  /// Adds a step's comparison of the reference's logits with this run's logits.
  mutating func compare(_ reference: Span<Float>, with logits: Span<Float>) {
    divergence += Distribution.divergence(from: reference, to: logits)
    agreements += Sampler.largest(reference) == Sampler.largest(logits) ? 1 : 0
    comparisons += 1
  }

  /// `exp` of the mean surprise.
  var perplexity: Double { exp(surprise / Double(max(1, predictions))) }
  /// Nats per compared step.
  var meanDivergence: Double { divergence / Double(max(1, comparisons)) }
  /// The share of compared steps with the same most likely token; 1 if none was compared.
  var topAgreement: Double {
    comparisons == 0 ? 1 : Double(agreements) / Double(comparisons)
  }
}
