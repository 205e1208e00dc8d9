import KVPolicyKit
import ReferenceModel

/// The rows that a policy kept, step by step, while a model read forced tokens, and the vocabulary
/// logits.
public struct Trace: Sendable {
  /// Tokens of the prompt.
  public let promptLength: Int
  /// The original positions that each lane held: `(steps + 1) × layers × keyHeads ×` rows,
  /// ascending. Entry 0 is the state after the prompt, entry s the state after token `promptLength
  /// + s − 1`.
  public internal(set) var kept: [[[[Int]]]] = []
  /// Vocabulary logits, `rows × vocabulary`, row-major; empty if they were not asked for. Row 0
  /// follows the prompt, row s follows token `promptLength + s − 1`.
  public internal(set) var logits: [Float] = []
  /// Values per row of `logits`, one for each token of the vocabulary.
  public let vocabulary: Int
  /// The cache's statistics at the end.
  public internal(set) var statistics: CacheStatistics

  /// Runs a session over `tokens`: the first `promptLength` as the prompt, the remaining tokens one
  /// by one.
  ///
  /// - Parameters:
  ///   - session: a new session.
  ///   - tokens: the text; at least as long as the prompt.
  ///   - promptLength: the number of prompt tokens; at least 1.
  ///   - chunk: prompt tokens that go through a layer together.
  ///   - keepsLogits: whether vocabulary logits are recorded.
  /// - Throws: `ModelError.request` for lengths that do not fit or a token outside the vocabulary,
  ///   before anything runs; `StoreError` if the cache outgrows its limit.
  public init(
    _ session: LlamaSession, tokens: [Int], promptLength: Int,
    chunk: Int = LlamaSession.defaultChunk,
    keepsLogits: Bool = true
  ) throws {
    guard !tokens.isEmpty else {
      throw ModelError.request("there are no tokens to trace; give at least one")
    }
    guard promptLength > 0, promptLength <= tokens.count else {
      throw ModelError.request(
        "a prompt of \(promptLength) tokens does not fit a text of \(tokens.count); "
          + "use 1 to \(tokens.count)")
    }
    self.promptLength = promptLength
    vocabulary = session.model.configuration.vocabulary
    statistics = session.sequence.statistics
    try session.prefill(Array(tokens[..<promptLength]), chunk: chunk)
    record(session, keepsLogits)
    for token in tokens[promptLength...] {
      try session.decode(token)
      record(session, keepsLogits)
    }
    statistics = session.sequence.statistics
  }

  /// Reads all tokens at once and records the vocabulary logits of each token: `tokens ×
  /// vocabulary`. `kept` holds a single state, the one at the end.
  ///
  /// - Throws: `ModelError.request` for an empty text, a text longer than the model's context, or a
  ///   token outside the vocabulary.
  public init(allAtOnce session: LlamaSession, tokens: [Int]) throws {
    let context = session.model.configuration.contextLength
    guard tokens.count <= context else {
      throw ModelError.request(
        "\(tokens.count) tokens are more than the model's context of \(context); give fewer")
    }
    promptLength = tokens.count
    vocabulary = session.model.configuration.vocabulary
    statistics = session.sequence.statistics
    var rows: [Float] = []
    try session.prefill(tokens, chunk: max(1, tokens.count)) { _, logits in
      for token in 0..<logits.count { rows.append(logits[token]) }
    }
    record(session, false)
    logits = rows
    statistics = session.sequence.statistics
  }

  /// The number of decode steps.
  public var steps: Int { kept.count - 1 }

  private mutating func record(_ session: LlamaSession, _ keepsLogits: Bool) {
    let shape = session.model.shape
    kept.append(
      (0..<shape.layers).map { layer in
        (0..<shape.keyHeads).map { session.sequence.keptPositions(layer: layer, head: $0) }
      })
    guard keepsLogits else { return }
    let row = session.logits
    for token in 0..<row.count { logits.append(row[token]) }
  }
}
