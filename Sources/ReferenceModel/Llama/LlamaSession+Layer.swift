import KVPolicyKit

/// A session's part of a layer: it appends its tokens' rows to the cache, computes attention over
/// the cache, and asks the layer's policy.
extension LlamaSession {
  /// The moment of the next decode step.
  var nextStep: Moment { .step(index: sequence.steps + 1) }

  /// Prepares the rotation of tokens at these positions, for all layers.
  func prepareRotation(_ positions: Range<Int>) { rotary.prepare(positions) }

  /// Computes the attention output of some tokens from their queries, keys and values: all of the
  /// session's part of a layer.
  ///
  /// An error here means that a policy's plan was bad or that the system has no memory left. The
  /// sequence keeps the error as its `failure` and takes no further part in the chunk or step.
  @unsafe func attend(layer: Int, _ rows: TokenRows, moment: Moment) {
    if moment.isChunk {
      keepingFailure { () throws(StoreError) in
        try unsafe append(layer: layer, rows, moment: moment)
        try unsafe attendChunk(layer: layer, rows, moment: moment)
      }
    } else {
      unsafe beginStep(layer: layer, rows)
      decideBefore(layer: layer, alone: false)
      unsafe chooseRows(layer: layer, rows)
      unsafe attendStep(layer: layer, rows, alone: false)
      endStep(layer: layer)
      if let onAttention { unsafe show(rows.last, of: layer, to: onAttention) }
    }
  }

  /// Lends the attention output of a token.
  @unsafe private func show(
    _ row: TokenRows, of layer: Int, to body: (_ layer: Int, _ output: Span<Float>) -> Void
  ) {
    guard sequence.failure == nil else { return }
    let width = model.configuration.queryHeads * model.configuration.headDimension
    // `mixed` has a token's outputs of all query heads, and nothing writes there meanwhile.
    let output = unsafe UnsafeBufferPointer(start: row.mixed, count: width)
    body(layer, unsafe output.span)
  }

  /// Appends the rows of some tokens to the cache.
  @unsafe private func append(layer: Int, _ rows: TokenRows, moment: Moment) throws(StoreError) {
    if sequence.signals(ofLayer: layer, at: moment).rawQueries { unsafe keepRawQueries(rows) }
    if declared[layer].rule == .original {
      unsafe rotate(rows, from: sequence.length.tokens, isShared: moment.isChunk)
    }
    try unsafe sequence.append(
      layer: layer, tokens: rows.count, keys: rows.keys, values: rows.values)
  }

  /// Does nothing if the sequence has failed.
  private func keepingFailure(_ body: () throws(StoreError) -> Void) {
    guard sequence.failure == nil else { return }
    do throws(StoreError) {
      try body()
    } catch {
      assert(sequence.failure == error, "the sequence keeps what ended it")
    }
  }

  /// Ends a chunk or step in the cache, which then asks the policies that decide about the whole
  /// sequence, and the codecs.
  ///
  /// - Parameter threads: number of threads that are busy meanwhile, this one included. The time is
  ///   divided by it.
  func finish(_ moment: Moment, beside threads: Int = 1) {
    guard sequence.failure == nil else { return }
    var watch = Stopwatch()
    // The sequence keeps the error as its `failure`.
    try? sequence.finish(moment: moment)
    policyTime.evict += watch.lap() / Double(threads)
  }

  /// Computes the attention output of a chunk, then asks the policy.
  @unsafe private func attendChunk(
    layer: Int, _ rows: TokenRows, moment: Moment
  ) throws(StoreError) {
    let attention = unsafe ChunkAttention(self, layer: layer, count: rows.count)
    unsafe keepQueries(layer: layer, rows, inPrompt: true)
    attention.run()
    sequence.book(layer: layer, moment: moment)
    guard declared[layer].probe(at: moment) == nil else { return }
    let shown = sequence.signals(ofLayer: layer, at: moment)
    var signals = attention.signals(shown)
    unsafe signals.lend(rows, shown, model.configuration)
    signalCounts.queries += shown.rawQueries || shown.turnedQueries ? 1 : 0
    signalCounts.promptColumnSums += shown.promptColumnSums ? 1 : 0
    try consult(layer: layer, moment: moment, shown, signals)
  }

  /// Shows the policy a chunk, or the probe after it, and carries out what the policy decides.
  private func consult(
    layer: Int, moment: Moment, _ shown: SignalSet, _ signals: SignalBuffers
  ) throws(StoreError) {
    var signals = signals
    if shown.valueReach { signals.valueReach = ValueReach(self, layer: layer, isShared: true) }
    signalCounts.valueReach += shown.valueReach ? 1 : 0
    signalCounts.layerInput += shown.layerInput ? 1 : 0
    signalCounts.promptRows += shown.promptRows > 0 ? 1 : 0
    signalCounts.recentRows += shown.recentRows > 0 ? 1 : 0
    observe(layer: layer, moment: moment, signals: signals)
    let plan = try decide(layer: layer, moment: moment, signals: signals)
    apply(plan, layer: layer, moment: moment)
  }

  /// Computes the attention output of a probe, whose rows come after those of the cache, and shows
  /// it to the layer's policy if it is the policy's.
  ///
  /// - Parameters:
  ///   - rows: the probe's queries, keys and values.
  ///   - first: the position of the probe's first row.
  ///   - repeated: the positions of the tokens that the probe repeats; empty for a probe that
  ///     repeats none.
  @unsafe func attendProbe(
    layer: Int, _ rows: TokenRows, from first: Int, repeating repeated: Range<Int>, moment: Moment
  ) {
    guard sequence.failure == nil else { return }
    unsafe rotate(rows, from: first, isShared: true)
    probeQueries.keepLast(0)
    unsafe probeQueries.append(
      rows.queries, count: rows.count, firstPosition: first, room: rows.count)
    let attention = unsafe ChunkAttention(self, layer: layer, probe: rows)
    attention.run()
    signalCounts.probes += 1
    guard declared[layer].probe(at: moment) != nil else { return }
    do throws(StoreError) {
      let shown = sequence.signals(ofLayer: layer, at: moment)
      var signals = attention.signals(shown)
      unsafe signals.lend(rows, shown, model.configuration)
      signals.repeated = repeated
      try consult(layer: layer, moment: moment, shown, signals)
    } catch {
      assert(sequence.failure == error, "the sequence keeps what ended it")
    }
  }

  /// Begins a step in a layer: writes over the rows of past tokens that are corrected, and appends
  /// the new token's row.
  ///
  /// - Parameter rows: the past tokens that the step corrects, and the new one.
  @unsafe func beginStep(layer: Int, _ rows: TokenRows) {
    keepingFailure { () throws(StoreError) in
      try unsafe overwritePast(layer: layer, rows)
      try unsafe append(layer: layer, rows.last, moment: nextStep)
    }
  }

  /// Whether the layer's policy decides before attention reads the rows.
  func decidesBefore(layer: Int) -> Bool { declared[layer].phase == .beforeStep }

  /// Asks a policy of phase `beforeStep` what to forget. Changes nothing that sequences share, so
  /// that several sessions may do it at once.
  ///
  /// - Parameter alone: whether other threads work for other sessions meanwhile.
  func decideBefore(layer: Int, alone: Bool) {
    guard decidesBefore(layer: layer) else { return }
    keepingFailure { () throws(StoreError) in
      decided = try decide(
        layer: layer, moment: nextStep, signals: SignalBuffers(),
        beside: alone ? model.team.threads : 1)
    }
  }

  /// Forgets what the policy decided before attention, and asks the reader which rows to read.
  @unsafe func chooseRows(layer: Int, _ rows: TokenRows) {
    keepingFailure { () throws(StoreError) in
      if decidesBefore(layer: layer) { applyDecided(layer: layer) }
      try unsafe chooseRows(layer: layer, rows.last, moment: nextStep)
    }
  }

  /// Computes the attention output of a step, and asks the policy at the point that its phase
  /// names. Changes nothing that sequences share, so that several sessions may do it at once.
  ///
  /// - Parameter alone: whether this thread does all of it, while other threads work for other
  ///   sessions.
  @unsafe func attendStep(layer: Int, _ rows: TokenRows, alone: Bool) {
    keepingFailure { () throws(StoreError) in
      let (moment, phase) = (nextStep, declared[layer].phase)
      let shown = sequence.signals(ofLayer: layer, at: moment)
      let new = unsafe rows.last
      unsafe keepQueries(layer: layer, new, inPrompt: false)
      let attention = unsafe StepAttention(
        self, layer: layer, new, shown: shown, phase: phase, alone: alone)
      let signals = attention.signals
      signalCounts.add(step: shown)
      let busy = alone ? model.team.threads : 1
      switch phase {
      case .afterOutput:
        attention.run()
        if let revised { unsafe revise(revised, rows, layer: layer, attention, alone: alone) }
        attention.completeSignals()
        observe(layer: layer, moment: moment, signals: signals, beside: busy)
        decided = try decide(layer: layer, moment: moment, signals: signals, beside: busy)
      case .beforeStep:
        attention.computeLogits()
        attention.completeSignals()
        attention.mixValues(showing: moment)
      case .beforeOutput:
        attention.computeLogits()
        attention.completeSignals()
        observe(layer: layer, moment: moment, signals: signals, beside: busy)
        decided = try decide(layer: layer, moment: moment, signals: signals, beside: busy)
        attention.hide(decided)
        attention.mixValues()
      }
    }
  }

  /// Ends a step in a layer: carries out what the policy decided, and books what attention read.
  func endStep(layer: Int) {
    guard sequence.failure == nil else { return }
    let isHidden = declared[layer].phase == .beforeOutput
    if !isHidden { sequence.book(layer: layer, moment: nextStep) }
    applyDecided(layer: layer)
    if isHidden { sequence.book(layer: layer, moment: nextStep) }
  }

  /// Divides items of a step among the threads, or gives them all to this one, whose number is then
  /// 0: scratch memory is the session's own.
  func share<Input>(
    _ count: Int, alone: Bool, with input: Input,
    _ body: @escaping (_ input: borrowing Input, _ thread: Int, _ items: Range<Int>) -> Void
  ) {
    if alone {
      body(input, 0, 0..<count)
    } else {
      model.team.share(count, grain: 1, with: input, body)
    }
  }

  /// Copies the queries of some tokens for a policy that wants them un-rotated.
  @unsafe private func keepRawQueries(_ rows: TokenRows) {
    let configuration = model.configuration
    let floats = unsafe rows.count * configuration.queryHeads * configuration.headDimension
    unsafe rows.scratch.rawQueries.room(floats).update(from: rows.queries, count: floats)
  }

  /// Keeps the queries of some tokens for the signals `promptRows` and `recentRows`. Before
  /// attention, which rotates the queries in place where keys are stored un-rotated.
  @unsafe private func keepQueries(layer: Int, _ rows: TokenRows, inPrompt: Bool) {
    let room = declared[layer].keptQueries(inPrompt: inPrompt)
    guard room > 0 else { return }
    unsafe recentQueries[layer].append(
      rows.queries, count: rows.count, firstPosition: sequence.length.tokens, room: room)
  }

  /// Rotates the queries and keys of some tokens at consecutive positions; for a chunk, on several
  /// threads.
  @unsafe func rotate(_ rows: TokenRows, from first: Int, isShared: Bool) {
    guard isShared else { return unsafe rotate(rows, 0..<rows.count, from: first) }
    unsafe model.team.share(rows.count, grain: 16) { _, tokens in
      unsafe rotate(rows, tokens, from: first)
    }
  }

  @unsafe private func rotate(_ rows: TokenRows, _ tokens: Range<Int>, from first: Int) {
    let configuration = model.configuration
    let (width, pairing) = (configuration.headDimension, configuration.rope.pairing)
    // A copy for all tokens: each use of the session's own table counts references that threads
    // share.
    let rotary = rotary
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

/// Calls of the policy through the sequence, timed.
extension LlamaSession {
  /// Shows the policy the signals and adds the time to `policyTime`.
  ///
  /// - Parameter threads: number of threads that are busy meanwhile, this one included. The hook's
  ///   time is divided by it.
  func observe(layer: Int, moment: Moment, signals: SignalBuffers, beside threads: Int = 1) {
    var watch = Stopwatch()
    sequence.observe(layer: layer, moment: moment, signals: signals)
    let seconds = watch.lap() / Double(threads)
    if moment.isChunk { policyTime.prefill += seconds } else { policyTime.step += seconds }
  }

  /// Asks the layer's reader, if there is one, which rows the step reads.
  @unsafe private func chooseRows(
    layer: Int, _ rows: TokenRows, moment: Moment
  ) throws(StoreError) {
    guard sequence.hasReaders else { return }
    var signals = SignalBuffers()
    (signals.queryHeads, signals.tokenCount) = (model.configuration.queryHeads, 1)
    unsafe signals.turnedQueries = UnsafePointer(rows.queries)
    var watch = Stopwatch()
    defer { policyTime.step += watch.lap() }
    unsafe PageBoundsJob(self, layer: layer, rows)?.run(into: &signals)
    try sequence.read(layer: layer, moment: moment, signals: signals)
    signalCounts.reads += sequence.readsPart ? 1 : 0
  }

  private func decide(
    layer: Int, moment: Moment, signals: SignalBuffers, beside threads: Int = 1
  ) throws(StoreError) -> CachePlan {
    var watch = Stopwatch()
    defer { policyTime.evict += watch.lap() / Double(threads) }
    return try sequence.decide(layer: layer, moment: moment, signals: signals)
  }

  /// Carries out the plan of a step, and keeps it no longer.
  private func applyDecided(layer: Int) {
    apply(decided, layer: layer, moment: nextStep)
    decided = CachePlan()
  }

  private func apply(_ plan: CachePlan, layer: Int, moment: Moment) {
    var watch = Stopwatch()
    sequence.apply(plan, layer: layer, moment: moment)
    policyTime.apply += watch.lap()
  }
}

extension SignalBuffers {
  /// Lends the queries and inputs of some tokens, as far as the policy declared them.
  @unsafe mutating func lend(
    _ rows: TokenRows, _ shown: SignalSet, _ configuration: LlamaConfiguration
  ) {
    (queryHeads, inputWidth) = (configuration.queryHeads, configuration.hidden)
    tokenCount = unsafe rows.count
    // Attention leaves the norm's output as the projections read it.
    if shown.layerInput { unsafe layerInputs = UnsafePointer(rows.inputs) }
    if shown.rawQueries { unsafe rawQueries = UnsafePointer(rows.scratch.rawQueries.base) }
    if shown.turnedQueries { unsafe turnedQueries = UnsafePointer(rows.queries) }
  }
}

extension Moment {
  fileprivate var isChunk: Bool {
    if case .chunk = self { true } else { false }
  }
}
