import KVPolicyKit

/// A session's own part of a layer: the rows of its tokens join the cache, their queries read what the
/// cache holds, and the layer's policy has its say.
extension LlamaSession {
  /// The moment of the decode step that comes next.
  var nextStep: Moment { .step(index: sequence.steps + 1) }

  /// Prepares the rotation of the next `tokens` tokens, for all layers.
  func prepareRotation(tokens: Int) {
    let first = sequence.length.tokens
    rotary.prepare(first..<first + tokens)
  }

  /// From the queries, keys and values of some tokens to their attention output.
  ///
  /// An error here is a policy's own bad plan, or a system without memory: the sequence keeps it as its
  /// `failure` and takes no further part in the chunk or step.
  @unsafe func attend(layer: Int, _ rows: TokenRows, moment: Moment) {
    guard sequence.failure == nil else { return }
    if declared[layer].rule == .original { unsafe rotate(rows, isShared: moment.isChunk) }
    do throws(StoreError) {
      try unsafe sequence.append(
        layer: layer, tokens: rows.count, keys: rows.keys, values: rows.values)
      if moment.isChunk {
        try unsafe attendChunk(layer: layer, rows, moment: moment)
      } else {
        try unsafe attendStep(layer: layer, rows, moment: moment)
      }
    } catch {
      assert(sequence.failure == error, "the sequence keeps what ended it")
    }
  }

  /// Ends a chunk or step in the cache, which asks the policies that decide about the whole sequence.
  func finish(_ moment: Moment) {
    guard sequence.failure == nil else { return }
    var watch = Stopwatch()
    // The sequence keeps the error as its `failure`.
    try? sequence.finish(moment: moment)
    policyTime.evict += watch.lap()
  }

  /// The attention output of a chunk, then the policy's say.
  @unsafe private func attendChunk(
    layer: Int, _ rows: TokenRows, moment: Moment
  ) throws(StoreError) {
    let attention = unsafe ChunkAttention(self, layer: layer, count: rows.count)
    // Before attention, which rotates queries where it has to.
    if declared[layer].signals.promptRows > 0 {
      unsafe recentQueries[layer].append(
        rows.queries, count: rows.count, firstPosition: sequence.length.tokens)
    }
    attention.run()
    sequence.book(layer: layer, moment: moment)
    let shown = declared[layer].signals(at: moment)
    let signals = attention.signals(shown)
    signalCounts.promptColumnSums += shown.promptColumnSums ? 1 : 0
    signalCounts.promptRows += shown.promptRows > 0 ? 1 : 0
    observe(layer: layer, moment: moment, signals: signals)
    apply(try decide(layer: layer, moment: moment, signals: signals), layer: layer)
  }

  /// The attention output of a step, with the policy's say where its phase has it.
  @unsafe private func attendStep(
    layer: Int, _ rows: TokenRows, moment: Moment
  ) throws(StoreError) {
    let (phase, shown) = (declared[layer].phase, declared[layer].signals(at: moment))
    if phase == .beforeStep {
      apply(try decide(layer: layer, moment: moment, signals: SignalBuffers()), layer: layer)
    }
    let attention = unsafe StepAttention(self, layer: layer, rows, shown: shown, phase: phase)
    let signals = attention.signals
    signalCounts.stepLogits += shown.stepLogits ? 1 : 0
    signalCounts.stepProbabilities += shown.stepProbabilities ? 1 : 0
    switch phase {
    case .afterOutput:
      attention.run()
      if shown.stepProbabilities { attention.normalise() }
      sequence.book(layer: layer, moment: moment)
      observe(layer: layer, moment: moment, signals: signals)
      apply(try decide(layer: layer, moment: moment, signals: signals), layer: layer)
    case .beforeStep:
      attention.computeLogits()
      if shown.stepProbabilities { attention.normalise() }
      attention.mixValues(showing: moment)
      sequence.book(layer: layer, moment: moment)
    case .beforeOutput:
      attention.computeLogits()
      if shown.stepProbabilities { attention.normalise() }
      observe(layer: layer, moment: moment, signals: signals)
      let plan = try decide(layer: layer, moment: moment, signals: signals)
      attention.hide(plan)
      attention.mixValues()
      apply(plan, layer: layer)
      sequence.book(layer: layer, moment: moment)
    }
  }

  /// Rotates the queries and keys of some tokens at their positions: a chunk's on several threads.
  @unsafe private func rotate(_ rows: TokenRows, isShared: Bool) {
    let first = sequence.length.tokens
    guard isShared else { return unsafe rotate(rows, 0..<rows.count, from: first) }
    unsafe model.team.share(rows.count, grain: 16) { _, tokens in
      unsafe rotate(rows, tokens, from: first)
    }
  }

  @unsafe private func rotate(_ rows: TokenRows, _ tokens: Range<Int>, from first: Int) {
    let configuration = model.configuration
    let (width, pairing) = (configuration.headDimension, configuration.rope.pairing)
    for token in tokens {
      unsafe rotary.rotate(
        rows.queries + token * configuration.queryHeads * width, heads: configuration.queryHeads,
        position: first + token, pairing: pairing)
      unsafe rotary.rotate(
        rows.keys + token * configuration.keyHeads * width, heads: configuration.keyHeads,
        position: first + token, pairing: pairing)
    }
  }
}

/// What the sequence does with the policy, timed.
extension LlamaSession {
  /// - Parameter threads: threads of the team that other work keeps busy meanwhile, this one included;
  ///   the hook counts as that part of its time.
  func observe(layer: Int, moment: Moment, signals: SignalBuffers, beside threads: Int = 1) {
    var watch = Stopwatch()
    sequence.observe(layer: layer, moment: moment, signals: signals)
    let seconds = watch.lap() / Double(threads)
    if moment.isChunk { policyTime.prefill += seconds } else { policyTime.step += seconds }
  }

  private func decide(
    layer: Int, moment: Moment, signals: SignalBuffers
  ) throws(StoreError) -> CachePlan {
    var watch = Stopwatch()
    defer { policyTime.evict += watch.lap() }
    return try sequence.decide(layer: layer, moment: moment, signals: signals)
  }

  private func apply(_ plan: CachePlan, layer: Int) {
    var watch = Stopwatch()
    sequence.apply(plan, layer: layer)
    policyTime.apply += watch.lap()
  }
}

extension Moment {
  fileprivate var isChunk: Bool {
    if case .chunk = self { true } else { false }
  }
}
