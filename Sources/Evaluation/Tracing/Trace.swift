import KVPolicyKit
import ReferenceModel

/// The rows that a policy kept, step by step, while a model read forced tokens, and the vocabulary
/// logits.
///
/// All of it is in memory: `kept` grows with the square of the tokens where nothing is forgotten. A
/// ``TraceRun`` shows the same moment by moment.
public struct Trace: Sendable {
  /// Tokens of the prompt.
  public let promptLength: Int
  /// The original positions that each lane held: `(steps + 1) × layers × keyHeads ×` rows,
  /// ascending. Entry 0 is the state after the prompt, entry s the state after token `promptLength
  /// + s − 1`.
  public let kept: [[[[Int]]]]
  /// The same after each chunk of the prompt, if a policy forgets after chunks; else empty.
  public let keptAfterChunks: [[[[Int]]]]
  /// For each decode step, if a layer has a reader: the positions that the step read, by layer and
  /// then by key head or, where query heads read rows of their own, by query head; nil for a layer
  /// that read everything. Else empty.
  public let read: [[[[Int]]?]]
  /// Vocabulary logits, `rows × vocabulary`, row-major; empty if they were not asked for. Row 0
  /// follows the prompt, row s follows token `promptLength + s − 1`.
  public let logits: [Float]
  /// Values per row of `logits`, one for each token of the vocabulary.
  public let vocabulary: Int
  /// The cache's statistics at the end.
  public let statistics: CacheStatistics

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
    try self.init(
      TraceRun(session, tokens: tokens, promptLength: promptLength, chunk: chunk),
      vocabulary: session.model.configuration.vocabulary, keepsLogits: keepsLogits)
  }

  /// Reads all tokens at once and records the vocabulary logits of each token: `tokens ×
  /// vocabulary`. `kept` holds a single state, the one at the end.
  ///
  /// - Throws: `ModelError.request` for an empty text, a text longer than the model's context, or a
  ///   token outside the vocabulary.
  public init(allAtOnce session: LlamaSession, tokens: [Int]) throws {
    try self.init(
      TraceRun(allAtOnce: session, tokens: tokens),
      vocabulary: session.model.configuration.vocabulary, keepsLogits: true)
  }

  private init(_ run: TraceRun, vocabulary: Int, keepsLogits: Bool) throws {
    var (states, chunks): ([[[[Int]]]], [[[[Int]]]]) = ([], [])
    var (reads, values): ([[[[Int]]?]], [Float]) = ([], [])
    statistics = try run.start(
      chunk: { chunks.append($0) }, kept: { states.append($0) }, read: { reads.append($0) },
      logits: keepsLogits
        ? { row in for token in 0..<row.count { values.append(row[token]) } } : nil)
    (promptLength, self.vocabulary, logits) = (run.promptLength, vocabulary, values)
    (kept, keptAfterChunks, read) = (states, chunks, reads)
  }

  /// The number of decode steps.
  public var steps: Int { kept.count - 1 }
}
