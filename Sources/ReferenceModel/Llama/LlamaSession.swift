import KVPolicyKit

/// One running sequence: a model, a cache, and the scratch memory of a step.
///
/// `LlamaModel+Forward.swift` takes a token through the model. `LlamaSession+Layer.swift` does the
/// session's part of a layer, including the calls of its policy. Single owner; not thread-safe.
public final class LlamaSession {
  /// The model that the session runs.
  public let model: LlamaModel
  /// The cache that the session reads and writes.
  public let sequence: KVSequence
  /// Time spent in policy hooks and plans so far.
  public internal(set) var policyTime = PolicyTime()
  /// How often each signal was computed so far. For tests, and for reports of a policy's cost.
  public internal(set) var signalCounts = SignalCounts()

  /// The session's tokens among those of the step at hand: past tokens to correct, and the new one.
  var stepRows = 0..<1
  /// What the policy decided in the layer of a step at hand, until the step's end in the layer.
  var decided = CachePlan()
  /// Measures what attention changes in prompts; nil if nothing is measured.
  var meter: AttentionMeter?
  /// Called in every step with the attention output of each layer, before its projection: the new
  /// token's `queryHeads * headDimension` values. Not called in chunks of a prompt, nor in steps of
  /// many sessions at once. Nil costs nothing.
  package var onAttention: ((_ layer: Int, _ output: Span<Float>) -> Void)?

  let scratch: Scratch
  /// Rotates to positions in the text: a window that moves on with the text.
  var rotary: RotaryTable
  /// Rotates to places in the cache, for keys that are stored un-rotated.
  var placeRotary: RotaryTable
  /// Per layer: its policy's declarations.
  let declared: [PolicyDeclarations]
  /// Per layer: the queries of the last tokens, for the signals `promptRows` and `recentRows`.
  var recentQueries: [RecentQueries]
  /// The tokens decoded last, which steps correct; nil if they do not.
  let revised: RevisedTokens?
  /// The queries of a probe in the layer at hand.
  let probeQueries: RecentQueries

  init(model: LlamaModel, sequence: KVSequence, revised: RevisedTokens? = nil) {
    precondition(
      sequence.store.shape == model.shape, "a session needs a cache of the model's own shape")
    self.model = model
    self.sequence = sequence
    let configuration = model.configuration
    scratch = Scratch(configuration, threads: model.threads)
    rotary = RotaryTable(configuration)
    placeRotary = rotary
    sequence.rotation = configuration.rotation
    sequence.inputWidth = configuration.hidden
    self.revised = revised ?? sequence.revision.map { RevisedTokens($0, configuration) }
    declared = (0..<configuration.layers).map { sequence.declarations(ofLayer: $0) }
    let width = configuration.queryHeads * configuration.headDimension
    recentQueries = declared.map { _ in
      RecentQueries(width: width, heads: configuration.queryHeads)
    }
    probeQueries = RecentQueries(width: width, heads: configuration.queryHeads)
  }

  /// Makes an independent session that continues from here: it copies the logits and shares the
  /// cache's pages.
  public func fork() -> LlamaSession {
    let copy = LlamaSession(model: model, sequence: sequence.fork(), revised: revised?.copy())
    unsafe copy.scratch.logits.base.update(
      from: scratch.logits.base, count: model.configuration.vocabulary)
    copy.recentQueries = recentQueries.map { $0.copy() }
    return copy
  }

  /// The vocabulary logits after the last token read: `vocabulary` values.
  public var logits: Span<Float> {
    @_lifetime(borrow self)
    get {
      let values = unsafe UnsafeBufferPointer(
        start: scratch.logits.base, count: model.configuration.vocabulary)
      return unsafe _overrideLifetime(values.span, borrowing: self)
    }
  }

  /// Reads one token and computes the logits of the next token.
  ///
  /// Allocates nothing once the cache has its constant size, unless the policy does: a plan that
  /// drops a single row of a lane needs no memory, a plan with lists of rows does. While the cache
  /// grows, its arrays and the scratch memory grow in proportion to their size, so allocations
  /// become ever rarer.
  ///
  /// - Throws: `SessionError.model` for a token outside the vocabulary, before anything changed, or
  ///   if the logits are not finite. `SessionError.store` if the cache is full, before anything
  ///   changed, or if a policy's plan was bad, which ends the sequence.
  public func decode(_ token: Int) throws(SessionError) {
    try check(CollectionOfOne(token))
    try reserve(tokens: 1)
    unsafe model.step(CollectionOfOne(token), of: CollectionOfOne(self), scratch)
    try checkFailure()
    try checkFinite()
  }

  /// The default number of prompt tokens that pass through a layer together.
  public static let defaultChunk = 512

  /// Reads a prompt; afterwards `logits` belong to its last token.
  ///
  /// - Parameters:
  ///   - tokens: the prompt; not empty.
  ///   - chunk: number of tokens that pass through a layer together; fewer if a policy or its
  ///     configuration says so.
  ///   - eachToken: if given, called with every prompt token's index and logits, in order. It
  ///     cannot use the session to read tokens, nor edit its cache: these calls throw.
  ///   - eachChunk: if given, called after every chunk, when the policies have forgotten what they
  ///     wanted to; under the same rules. A last token that is read by a decode step is no chunk.
  /// - Throws: `SessionError.model` for a bad request, before anything changed, or if the logits
  ///   are not finite. `SessionError.store` if the cache is full, with the chunks read so far
  ///   intact, or if a policy's plan was bad, which ends the sequence.
  public func prefill(
    _ tokens: [Int], chunk: Int = LlamaSession.defaultChunk,
    eachToken: ((Int, Span<Float>) -> Void)? = nil, eachChunk: (() -> Void)? = nil
  ) throws(SessionError) {
    guard !tokens.isEmpty else {
      throw .model(.request("the prompt is empty; give at least one token"))
    }
    guard chunk > 0 else {
      throw .model(.request("a chunk of \(chunk) tokens is not possible; use 1 or more"))
    }
    try check(tokens)
    try checkProbe()
    revised?.removeAll()
    // However the prompt ends, no more of its queries are needed than steps ask for.
    defer {
      for (layer, queries) in recentQueries.enumerated() {
        queries.keepLast(declared[layer].keptQueries(inPrompt: false))
      }
      probeQueries.keepLast(0)
    }
    let chunk = min(chunk, sequence.longestChunk ?? chunk)
    let inChunks = tokens.count - (sequence.decodesLastPromptToken ? 1 : 0)
    for start in stride(from: 0, to: inChunks, by: chunk) {
      let part = start..<min(start + chunk, inChunks)
      try read(part, of: tokens[..<inChunks], isLast: part.upperBound == inChunks)
      // The scratch memory holds the chunk until all of its tokens were shown.
      sequence.begin()
      defer { sequence.end() }
      if let eachToken {
        for index in part {
          unsafe computeLogits(ofToken: index - start)
          eachToken(index, logits)
        }
      } else if part.upperBound == tokens.count
        || part.upperBound == inChunks && sequence.wantsPrediction
      {
        unsafe computeLogits(ofToken: part.count - 1)
      }
      eachChunk?()
    }
    if inChunks > 0 { notePrediction() }
    try checkFinite()
    guard inChunks < tokens.count else { return }
    try decode(tokens[inChunks])
    eachToken?(inChunks, logits)
  }

  /// Tells the sequence which token the logits find likeliest, if a policy's cadence asks for it.
  /// Of equal logits the lowest token's counts.
  func notePrediction() {
    guard sequence.wantsPrediction else { return }
    let logits = logits
    sequence.predicted = logits.indices.dropFirst().reduce(0) {
      logits[$1] > logits[$0] ? $1 : $0
    }
  }

  /// Takes a chunk of a prompt through the layers, and then the probe, if there is one to read.
  private func read(
    _ chunk: Range<Int>, of prompt: ArraySlice<Int>, isLast: Bool
  ) throws(SessionError) {
    let tokens = prompt[chunk]
    try reserve(tokens: tokens.count)
    sequence.begin()
    let first = sequence.length.tokens
    let moment = Moment.chunk(tokens: first..<first + tokens.count, isLast: isLast)
    prepareRotation(first..<first + tokens.count)
    let pass = unsafe ForwardPass(model, scratch, count: tokens.count, kind: .chunk)
    let measure = meter.map { meter in
      { (layer: Int) in unsafe meter.add(layer: layer, self.scratch, count: tokens.count) }
    }
    unsafe model.forward(tokens, pass, measure: measure) { layer in
      unsafe attend(
        layer: layer, TokenRows(scratch, 0..<tokens.count, of: self), moment: moment)
    }
    if let probe = sequence.probe(afterLast: isLast) {
      read(probe, after: chunk, of: prompt, moment: moment)
    }
    finish(moment)
    try checkFailure()
  }

  /// Applies the final norm and the head to one token of a chunk, whose residual stream is in the
  /// scratch memory.
  @unsafe private func computeLogits(ofToken number: Int) {
    let (hidden, weights) = (model.configuration.hidden, model.weights)
    unsafe weights.outputNorm.withUnsafeBufferPointer { gains in
      guard let gains = gains.baseAddress else { return }
      unsafe Kernels.rmsNorm(
        scratch.stream.base + number * hidden, weight: gains,
        epsilon: model.configuration.normEpsilon, count: hidden, into: scratch.normed.base)
    }
    unsafe Kernels.multiply(
      weights.head, scratch.normed.base, into: scratch.logits.base, scratch: scratch.matrix,
      team: model.team)
  }
}

/// Checks that can stop a session.
extension LlamaSession {
  private func check(_ tokens: some Sequence<Int>) throws(SessionError) {
    do { try model.check(tokens) } catch { throw .model(error) }
  }

  private func reserve(tokens: Int) throws(SessionError) {
    do { try sequence.reserve(tokens: tokens) } catch { throw .store(error) }
  }

  /// - Throws: the error that ended the sequence, if any.
  private func checkFailure() throws(SessionError) {
    if let failure = sequence.failure { throw .store(failure) }
  }

  private func checkFinite() throws(SessionError) {
    if let error = nonFiniteLogits { throw .model(error) }
  }

  /// The error to report if a vocabulary logit is not a finite number.
  var nonFiniteLogits: ModelError? {
    let count = model.configuration.vocabulary
    guard unsafe !Kernels.isFinite(scratch.logits.base, count: count) else { return nil }
    return .request(
      "the model computed logits that are not finite numbers after \(sequence.length.tokens) "
        + "tokens; its weights are damaged (see 'kvpolicy inspect')")
  }
}

/// How often each signal was computed: once per layer and call.
public struct SignalCounts: Hashable, Sendable {
  /// Attention logits copied for a policy during decode.
  public var stepLogits = 0
  /// Probabilities shown during decode.
  public var stepProbabilities = 0
  /// Rows of the prompt's last queries.
  public var promptRows = 0
  /// Rows of the last queries, in the prompt and during decode.
  public var recentRows = 0
  /// Queries of the tokens just read.
  public var queries = 0
  /// Hidden states after the input norm of the tokens just read.
  public var layerInput = 0
  /// Means to compute how far values move the residual stream.
  public var valueReach = 0
  /// Column sums of a chunk.
  public var promptColumnSums = 0
  /// Layers of decode steps that read the rows of a reader's lists.
  public var reads = 0
  /// Probes taken through a layer.
  public var probes = 0

  /// Counts the signals of a step.
  mutating func add(step shown: SignalSet) {
    queries += shown.rawQueries || shown.turnedQueries ? 1 : 0
    layerInput += shown.layerInput ? 1 : 0
    valueReach += shown.valueReach ? 1 : 0
    stepLogits += shown.stepLogits ? 1 : 0
    stepProbabilities += shown.stepProbabilities ? 1 : 0
    recentRows += shown.recentRows > 0 ? 1 : 0
  }
}
