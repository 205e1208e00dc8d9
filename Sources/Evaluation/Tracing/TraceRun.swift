public import KVPolicyKit
public import ReferenceModel

/// A session that reads forced tokens under a policy and shows what is kept after the prompt and
/// after every later token.
///
/// Nothing is collected: memory is that of the session and of one moment, however many tokens
/// follow. ``Trace`` collects what this shows.
public struct TraceRun {
  /// The tokens.
  public let tokens: [Int]
  /// Tokens of the prompt.
  public let promptLength: Int
  /// Prompt tokens that go through a layer together.
  private let chunk: Int
  /// Whether the logits of every token of the prompt are shown.
  private let showsPrompt: Bool
  private let session: LlamaSession

  /// A run that reads the first `promptLength` tokens as the prompt and the remaining tokens one by
  /// one.
  ///
  /// - Parameters:
  ///   - session: a new session.
  ///   - tokens: the text; at least as long as the prompt.
  ///   - promptLength: the number of prompt tokens; at least 1.
  ///   - chunk: prompt tokens that go through a layer together.
  /// - Throws: `ModelError.request` for lengths that do not fit or a token outside the vocabulary.
  public init(
    _ session: LlamaSession, tokens: [Int], promptLength: Int,
    chunk: Int = LlamaSession.defaultChunk
  ) throws(ModelError) {
    try TraceRun.check(tokens, vocabulary: session.model.configuration.vocabulary)
    guard promptLength > 0, promptLength <= tokens.count else {
      throw .request(
        "a prompt of \(promptLength) tokens does not fit a text of \(tokens.count); "
          + "use 1 to \(tokens.count)")
    }
    (self.session, self.tokens, self.promptLength) = (session, tokens, promptLength)
    (self.chunk, showsPrompt) = (chunk, false)
  }

  /// A run that reads all tokens at once and shows the logits of each of them. What is kept is
  /// shown once, at the end.
  ///
  /// - Throws: `ModelError.request` for an empty text, a text longer than the model's context, or a
  ///   token outside the vocabulary.
  public init(allAtOnce session: LlamaSession, tokens: [Int]) throws(ModelError) {
    try TraceRun.check(tokens, vocabulary: session.model.configuration.vocabulary)
    let context = session.model.configuration.contextLength
    guard tokens.count <= context else {
      throw .request(
        "\(tokens.count) tokens are more than the model's context of \(context); give fewer")
    }
    (self.session, self.tokens, promptLength) = (session, tokens, tokens.count)
    (chunk, showsPrompt) = (tokens.count, true)
  }

  /// The number of decode steps: the tokens after the prompt.
  public var steps: Int { tokens.count - promptLength }

  /// The number of times that logits are shown: once for the prompt and once for every step, or
  /// once for every token that is read at once.
  public var logitRows: Int { showsPrompt ? tokens.count : steps + 1 }

  /// A warning for people, if the run is longer than the model's context: positions beyond it are
  /// such as the model was not trained for. Nil if the run is not, or if every policy places keys
  /// at their ranks in the cache.
  public var warning: String? {
    let configuration = session.model.configuration
    let isCompacted = (0..<configuration.layers).allSatisfy {
      session.sequence.policy(ofLayer: $0).positions == .compacted
    }
    guard !isCompacted else { return nil }
    return ContextWarning.text(
      tokens: tokens.count, context: configuration.contextLength,
      effect: "what is kept later is not what a working model's attention would keep")
  }

  /// Reads all tokens.
  ///
  /// - Parameters:
  ///   - chunk: called as `kept` after each chunk of the prompt, if a policy forgets after chunks.
  ///   - kept: called after the prompt and after every step with the original positions that each
  ///     lane holds: `layers × keyHeads ×` rows, ascending.
  ///   - read: called after `kept` of every step, if a layer has a reader, with the positions that
  ///     the step read: for each layer, by key head or, where query heads read rows of their own, by
  ///     query head; nil for a layer that read everything.
  ///   - logits: called before `kept` with `vocabulary` logits; nil if they are not wanted.
  /// - Returns: the cache's statistics at the end.
  /// - Throws: what `chunk`, `kept` and `logits` throw; `SessionError` if the cache outgrows its
  ///   limit.
  public func start(
    chunk: (([[[Int]]]) throws -> Void)? = nil, kept: ([[[Int]]]) throws -> Void,
    read: (([[[Int]]?]) throws -> Void)? = nil,
    logits: ((Span<Float>) throws -> Void)?
  ) throws -> CacheStatistics {
    try readPrompt(chunk, logits)
    try kept(positions)
    for token in tokens[promptLength...] {
      let sets = try decode(token)
      try logits?(session.logits)
      try kept(positions)
      if let sets { try read?(sets) }
    }
    return session.sequence.statistics
  }

  /// Decodes a token, and tells what each layer read; nil if no layer has a reader.
  private func decode(_ token: Int) throws -> [[[Int]]?]? {
    guard session.sequence.hasReaders else {
      try session.decode(token)
      return nil
    }
    var sets = [[[Int]]?](repeating: nil, count: session.model.shape.layers)
    try withoutActuallyEscaping({ sets[$0] = $1 }) { note in
      session.sequence.onRead = note
      defer { session.sequence.onRead = nil }
      try session.decode(token)
    }
    return sets
  }

  private func readPrompt(
    _ kept: (([[[Int]]]) throws -> Void)?, _ logits: ((Span<Float>) throws -> Void)?
  ) throws {
    // The session cannot stop at an error of ours, so the first one waits for the end.
    var failure: (any Error)?
    func keepingFailure(_ body: () throws -> Void) {
      guard failure == nil else { return }
      do { try body() } catch { failure = error }
    }
    let eachToken = logits.map { logits in
      { (_: Int, row: Span<Float>) in keepingFailure { try logits(row) } }
    }
    try session.prefill(
      Array(tokens[..<promptLength]), chunk: chunk, eachToken: showsPrompt ? eachToken : nil
    ) {
      if session.sequence.evictsEveryChunk { keepingFailure { try kept?(positions) } }
    }
    if let failure { throw failure }
    if !showsPrompt { try logits?(session.logits) }
  }

  private var positions: [[[Int]]] {
    let shape = session.model.shape
    return (0..<shape.layers).map { layer in
      (0..<shape.keyHeads).map { session.sequence.keptPositions(layer: layer, head: $0) }
    }
  }

  private static func check(_ tokens: [Int], vocabulary: Int) throws(ModelError) {
    guard !tokens.isEmpty else {
      throw .request("there are no tokens to trace; give at least one")
    }
    for (index, token) in tokens.enumerated() where !(0..<vocabulary ~= token) {
      throw .request(
        "token \(token) is not in the vocabulary, at index \(index) of \(tokens.count) tokens; "
          + "tokens are 0 to \(vocabulary - 1)")
    }
  }
}
