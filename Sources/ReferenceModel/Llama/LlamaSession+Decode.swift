import KVPolicyKit

/// The journey of one token.
extension LlamaSession {
  /// Reads one token and computes the logits of the next.
  ///
  /// Asks for no memory once the cache has its constant size, unless the policy does: a plan that drops
  /// one row of a lane needs none, one with lists of rows does. While the cache grows, its arrays and the
  /// scratch grow in proportion to their size, so ever more seldom.
  ///
  /// - Throws: `ModelError.request` for a token outside the vocabulary or a model that computes no finite
  ///   logits, `StoreError.poolFull` before anything changed.
  public func decode(_ token: Int) throws {
    try model.check(CollectionOfOne(token))
    try sequence.reserve(tokens: 1)
    let moment = Moment.step(index: sequence.steps + 1)
    let position = sequence.length.tokens
    let (weights, team, matrix) = (model.weights, model.team, scratch.matrix)
    let stream = unsafe scratch.stream.base
    unsafe dequantise(row: token, of: weights.embedding, into: stream)
    rotary.prepare(position..<position + 1)

    for (index, layer) in weights.layers.enumerated() {
      unsafe norm(stream, layer.attentionNorm, into: scratch.normed.base)
      unsafe Kernels.multiply(
        layer.query, layer.key, layer.value, scratch.normed.base, into: scratch.queries.base,
        scratch.keys.base, scratch.values.base, scratch: matrix, team: team)
      if wants[index].rule == .original { unsafe rotate(token: 0, position: position) }
      try unsafe sequence.append(
        layer: index, tokens: 1, keys: scratch.keys.base, values: scratch.values.base)
      try attend(layer: index, moment: moment)
      unsafe Kernels.multiply(
        layer.output, scratch.mixed.base, into: scratch.projected.base, scratch: matrix, team: team)
      unsafe Kernels.add(scratch.projected.base, to: stream, count: model.configuration.hidden)

      unsafe norm(stream, layer.feedForwardNorm, into: scratch.normed.base)
      unsafe Kernels.multiply(
        layer.gate, layer.up, scratch.normed.base, into: scratch.gate.base, scratch.up.base,
        scratch: matrix, team: team)
      unsafe Kernels.swiGLU(
        gate: scratch.gate.base, up: scratch.up.base, count: model.configuration.intermediate,
        into: scratch.gate.base)
      unsafe Kernels.multiply(
        layer.down, scratch.gate.base, into: scratch.projected.base, scratch: matrix, team: team)
      unsafe Kernels.add(scratch.projected.base, to: stream, count: model.configuration.hidden)
    }
    unsafe head(stream, into: scratch.logits.base)
    try finish(moment: moment)
    try checkFinite()
  }

  /// Attention of the new token over what a layer still holds, and the policy's say about it.
  private func attend(layer: Int, moment: Moment) throws {
    let wants = wants[layer]
    let stride = ProductTile.wholeColumns(longestLane(layer))
    let floats = model.configuration.queryHeads * stride
    let keepsLogits = wants.stepLogits || wants.phase == .beforeOutput
    let raw = unsafe scratch.stepLogits.room(keepsLogits ? floats : 0)
    let weights = unsafe scratch.weights.room(floats)
    if wants.rule != .original { unsafe placeQueries(layer: layer) }
    let step = unsafe StepAttention(
      self, layer: layer, stride: stride, weights: weights, logits: keepsLogits ? raw : nil)
    if wants.phase == .beforeOutput {
      unsafe computeLogits(step)
      if wants.stepProbabilities {
        unsafe mixValues(step)
        unsafe normalise(step)
      }
      let signals = unsafe stepSignals(wants, raw, weights, stride: stride)
      let plan = try consult(layer: layer, moment: moment, signals: signals)
      if wants.stepProbabilities { unsafe weights.update(from: raw, count: floats) }
      unsafe mask(plan, weights, stride: stride)
      unsafe mixValues(step)
      apply(plan, layer: layer)
      sequence.book(layer: layer, moment: moment)
    } else {
      unsafe attend(step)
      if wants.stepProbabilities { unsafe normalise(step) }
      sequence.book(layer: layer, moment: moment)
      let signals = unsafe stepSignals(wants, raw, weights, stride: stride)
      apply(try consult(layer: layer, moment: moment, signals: signals), layer: layer)
    }
  }

  /// Shows the step to the layer's policy, then asks it for a plan.
  private func consult(
    layer: Int, moment: Moment, signals: SignalBuffers
  ) throws(StoreError) -> CachePlan {
    var watch = Stopwatch()
    sequence.observe(layer: layer, moment: moment, signals: signals)
    policyTime.step += watch.lap()
    let plan = try sequence.decide(layer: layer, moment: moment, signals: signals)
    policyTime.evict += watch.lap()
    return plan
  }

  private func apply(_ plan: CachePlan, layer: Int) {
    var watch = Stopwatch()
    sequence.apply(plan, layer: layer)
    policyTime.apply += watch.lap()
  }

  @unsafe private func stepSignals(
    _ wants: LayerWants, _ logits: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
    stride: Int
  ) -> SignalBuffers {
    var signals = SignalBuffers()
    signals.stride = stride
    if wants.stepLogits {
      unsafe signals.logits = logits
      signalCounts.stepLogits += 1
    }
    if wants.stepProbabilities {
      unsafe signals.probabilities = weights
      signalCounts.stepProbabilities += 1
    }
    return signals
  }

  /// Takes what a plan forgets, or keeps a query head from reading, out of the logits. Rows are numbered
  /// as before the plan, which is carried out afterwards.
  @unsafe private func mask(
    _ plan: CachePlan, _ logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let group = sequence.store.shape.group
    for edit in plan.edits {
      let first = edit.lane.head * group
      switch edit {
      case .dropOne(_, let row):
        for head in first..<first + group { unsafe logits[head * stride + Int(row)] = -.infinity }
      case .drop(_, let rows):
        for head in first..<first + group {
          for row in rows { unsafe logits[head * stride + Int(row)] = -.infinity }
        }
      case .keep(_, let rows):
        for head in first..<first + group {
          unsafe keepOnly(rows, queryHead: head, logits, stride: stride)
        }
      case .attend, .place: break
      }
    }
    // What a query head may read is said of the rows before the drop, so it overrides the drop.
    for case .attend(let lane, let head, let rows) in plan.edits {
      unsafe keepOnly(rows, queryHead: lane.head * group + head, logits, stride: stride)
    }
  }

  /// The logits of `rows` are what was computed, all others −∞.
  @unsafe private func keepOnly(
    _ rows: [Int32], queryHead: Int, _ logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let target = unsafe logits + queryHead * stride
    let computed = unsafe scratch.stepLogits.base + queryHead * stride
    unsafe target.update(repeating: -.infinity, count: stride)
    for row in rows { unsafe target[Int(row)] = computed[Int(row)] }
  }

  /// - Throws: `ModelError.request` if any logit is not a finite number.
  func checkFinite() throws(ModelError) {
    guard unsafe Kernels.isFinite(scratch.logits.base, count: model.configuration.vocabulary) else {
      throw .request(
        "the model computed logits that are not finite numbers after \(sequence.length.tokens) "
          + "tokens; its weights are damaged (see 'kvpolicy inspect')")
    }
  }
}
