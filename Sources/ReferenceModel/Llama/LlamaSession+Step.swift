import KVPolicyKit

/// One session's own part of a decode step, layer by layer.
extension LlamaSession {
  /// What comes before the first layer.
  func beginStep() {
    let position = sequence.length.tokens
    rotary.prepare(position..<position + 1)
  }

  /// A layer's row of the new token joins the cache, and queries read what the cache holds.
  ///
  /// An error here is a policy's own bad plan, or a system without memory: the sequence keeps it
  /// and takes no further part in the step.
  @unsafe func stepThrough(layer: Int, _ row: TokenRow) {
    guard sequence.failure == nil else { return }
    if wants[layer].rule == .original { unsafe rotate(row, position: sequence.length.tokens) }
    do throws(StoreError) {
      try unsafe sequence.append(layer: layer, tokens: 1, keys: row.keys, values: row.values)
      try unsafe attend(layer: layer, row)
    } catch {
      assert(sequence.failure == error, "the sequence keeps what ended it")
    }
  }

  /// What comes after the last layer.
  func endStep() {
    guard sequence.failure == nil else { return }
    // Likewise: the sequence keeps the error.
    try? finish(moment: step)
  }

  private var step: Moment { .step(index: sequence.steps + 1) }

  /// Attention of the new token over what a layer still holds, and the policy's say about it.
  @unsafe private func attend(layer: Int, _ row: TokenRow) throws(StoreError) {
    let wants = wants[layer]
    if wants.phase == .beforeStep { apply(try decide(layer: layer), layer: layer) }
    let stride = ProductTile.wholeColumns(longestLane(layer))
    let floats = model.configuration.queryHeads * stride
    let shown = wants.signals(at: step)
    let keepsLogits = shown.stepLogits || wants.phase == .beforeOutput
    let raw = unsafe row.scratch.stepLogits.room(keepsLogits ? floats : 0)
    let weights = unsafe row.scratch.weights.room(floats)
    if wants.rule != .original { unsafe placeQueries(row.queries, layer: layer) }
    let attention = unsafe StepAttention(
      self, layer: layer, row, stride: stride, weights: weights, logits: keepsLogits ? raw : nil)
    if wants.phase == .afterOutput {
      unsafe attend(attention)
      if shown.stepProbabilities { unsafe normalise(attention, into: weights) }
      sequence.book(layer: layer, moment: step)
      let signals = unsafe stepSignals(shown, raw, weights, stride: stride)
      return apply(try consult(layer: layer, signals: signals), layer: layer)
    }
    unsafe computeLogits(attention, weighing: shown.stepProbabilities)
    let target = unsafe row.scratch.probabilities.room(shown.stepProbabilities ? floats : 0)
    if shown.stepProbabilities { unsafe normalise(attention, into: target) }
    let signals = unsafe stepSignals(shown, raw, target, stride: stride)
    if wants.phase == .beforeStep {
      unsafe mixValues(attention, showing: signals, layer: layer)
    } else {
      let plan = try consult(layer: layer, signals: signals)
      unsafe mask(plan, attention, weights, computed: raw, stride: stride)
      unsafe mixValues(attention)
      apply(plan, layer: layer)
    }
    sequence.book(layer: layer, moment: step)
  }

  /// Shows the step to the layer's policy, then asks it for a plan.
  private func consult(
    layer: Int, signals: SignalBuffers
  ) throws(StoreError) -> CachePlan {
    show(layer: layer, signals: signals, beside: false)
    return try decide(layer: layer, signals: signals)
  }

  /// Shows the step to the layer's policy. Beside other work of the team that takes one thread of
  /// it, and as much of the time.
  func show(layer: Int, signals: SignalBuffers, beside isShared: Bool) {
    var watch = Stopwatch()
    sequence.observe(layer: layer, moment: step, signals: signals)
    policyTime.step += watch.lap() / Double(isShared ? model.team.threads : 1)
  }

  private func decide(
    layer: Int, signals: SignalBuffers = SignalBuffers()
  ) throws(StoreError) -> CachePlan {
    var watch = Stopwatch()
    defer { policyTime.evict += watch.lap() }
    return try sequence.decide(layer: layer, moment: step, signals: signals)
  }

  private func apply(_ plan: CachePlan, layer: Int) {
    var watch = Stopwatch()
    sequence.apply(plan, layer: layer)
    policyTime.apply += watch.lap()
  }

  @unsafe private func stepSignals(
    _ wants: SignalSet, _ logits: UnsafePointer<Float>, _ probabilities: UnsafePointer<Float>,
    stride: Int
  ) -> SignalBuffers {
    var signals = SignalBuffers()
    signals.stride = stride
    if wants.stepLogits {
      unsafe signals.logits = logits
      signalCounts.stepLogits += 1
    }
    if wants.stepProbabilities {
      unsafe signals.probabilities = probabilities
      signalCounts.stepProbabilities += 1
    }
    return signals
  }

  /// Takes what a plan forgets, or keeps a query head from reading, out of the logits; only splits
  /// of which it does are weighed again. Rows are numbered as before the plan, which is carried out
  /// afterwards.
  @unsafe private func mask(
    _ plan: CachePlan, _ attention: StepAttention, _ logits: UnsafeMutablePointer<Float>,
    computed: UnsafePointer<Float>, stride: Int
  ) {
    let group = sequence.store.shape.group
    for edit in plan.edits {
      let first = edit.lane.head * group
      var row: Int?
      if case .drop(_, let dropped) = edit, dropped.count == 1 { row = Int(plan.rows(dropped)[0]) }
      for split in unsafe attention.splits(ofLane: edit.lane.head, row: row) {
        unsafe attention.unweigh(split)
      }
      switch edit {
      case .drop(_, let list):
        let rows = plan.rows(list)
        for head in first..<first + group {
          for index in rows.indices { unsafe logits[head * stride + Int(rows[index])] = -.infinity }
        }
      case .keep(_, let list):
        for head in first..<first + group {
          unsafe keepOnly(
            plan.rows(list), queryHead: head, logits, computed: computed, stride: stride)
        }
      case .attend, .place: break
      }
    }
    // What a query head may read is said of the rows before the drop, so it overrides the drop.
    for case .attend(let lane, let head, let rows) in plan.edits {
      unsafe keepOnly(
        plan.rows(rows), queryHead: lane.head * group + head, logits, computed: computed,
        stride: stride)
    }
  }

  /// The logits of `rows` are what was computed, all others −∞.
  @unsafe private func keepOnly(
    _ rows: Span<Int32>, queryHead: Int, _ logits: UnsafeMutablePointer<Float>,
    computed: UnsafePointer<Float>, stride: Int
  ) {
    let target = unsafe logits + queryHead * stride
    let computed = unsafe computed + queryHead * stride
    unsafe target.update(repeating: -.infinity, count: stride)
    for index in rows.indices {
      unsafe target[Int(rows[index])] = computed[Int(rows[index])]
    }
  }
}
