import KVPolicyKit

/// A prompt, chunk by chunk.
extension LlamaSession {
  /// Tokens of a prompt that go through a layer together where nothing else is said.
  public static let defaultChunk = 512

  /// Reads a prompt; afterwards `logits` are those of its last token.
  ///
  /// - Parameters:
  ///   - tokens: the prompt; not empty.
  ///   - chunk: tokens that go through a layer together; fewer, if a policy declared so.
  ///   - eachToken: if given, called with every prompt token's index and logits, in order.
  /// - Throws: `ModelError.request`, or `StoreError.poolFull` with what was read so far intact.
  public func prefill(
    _ tokens: [Int], chunk: Int = LlamaSession.defaultChunk,
    eachToken: ((Int, Span<Float>) -> Void)? = nil
  ) throws {
    guard !tokens.isEmpty else {
      throw ModelError.request("the prompt is empty; give at least one token")
    }
    guard chunk > 0 else {
      throw ModelError.request("a chunk of \(chunk) tokens is not possible; use 1 or more")
    }
    try model.check(tokens)
    // Whatever ends the prompt, its queries are not needed beyond.
    defer { for queries in recentQueries { queries.removeAll() } }
    let chunk = min(chunk, sequence.longestChunk ?? chunk)
    for start in stride(from: 0, to: tokens.count, by: chunk) {
      let part = tokens[start..<min(start + chunk, tokens.count)]
      try prefill(chunk: Array(part), isLast: part.endIndex == tokens.count)
      if let eachToken {
        for index in 0..<part.count {
          unsafe head(scratch.stream.base + index * model.configuration.hidden)
          eachToken(start + index, logits)
        }
      } else if part.endIndex == tokens.count {
        unsafe head(scratch.stream.base + (part.count - 1) * model.configuration.hidden)
      }
    }
    try checkFinite()
  }

  private func prefill(chunk tokens: [Int], isLast: Bool) throws {
    try sequence.reserve(tokens: tokens.count)
    let configuration = model.configuration
    let first = sequence.length.tokens
    let count = tokens.count
    let moment = Moment.chunk(tokens: first..<first + count, isLast: isLast)
    let weights = model.weights
    unsafe scratch.makeRoom(tokens: count, configuration)
    let stream = unsafe scratch.stream.base
    for (index, token) in tokens.enumerated() {
      unsafe dequantise(
        row: token, of: weights.embedding, into: stream + index * configuration.hidden)
    }
    for (index, layer) in weights.layers.enumerated() {
      unsafe normAll(count, layer.attentionNorm)
      unsafe project(layer.query, scratch.normed, count, scratch.queries)
      unsafe project(layer.key, scratch.normed, count, scratch.keys)
      unsafe project(layer.value, scratch.normed, count, scratch.values)
      if wants[index].rule == .original { unsafe rotateAll(count, from: first) }
      try unsafe sequence.append(
        layer: index, tokens: count, keys: scratch.keys.base, values: scratch.values.base)
      try attend(layer: index, moment: moment)
      unsafe project(layer.output, scratch.mixed, count, scratch.projected)
      unsafe addProjected(count)

      unsafe normAll(count, layer.feedForwardNorm)
      unsafe project(layer.gate, scratch.normed, count, scratch.gate)
      unsafe project(layer.up, scratch.normed, count, scratch.up)
      unsafe swiGLU(count)
      unsafe project(layer.down, scratch.gate, count, scratch.projected)
      unsafe addProjected(count)
    }
    try finish(moment: moment)
  }

  /// Attention of a chunk over what a layer holds, and the policy's say about it.
  private func attend(layer: Int, moment: Moment) throws {
    let wants = wants[layer]
    guard case .chunk(let tokens, _) = moment else { return }
    let shown = wants.signals(at: moment)
    var signals = SignalBuffers()
    signals.stride = longestLane(layer)
    // Before attention, which rotates queries where it has to.
    if wants.signals.promptRows > 0 {
      unsafe recentQueries[layer].append(
        scratch.queries.base, count: tokens.count, firstPosition: tokens.lowerBound)
    }
    unsafe attendChunk(layer: layer, count: tokens.count, stride: signals.stride)
    sequence.book(layer: layer, moment: moment)
    if shown.promptColumnSums {
      unsafe signals.columnSums = UnsafePointer(scratch.columnSums.base)
      signalCounts.promptColumnSums += 1
    }
    if shown.promptRows > 0 {
      signals.promptRowCount = recentQueries[layer].count
      signals.promptRows = PromptRows(self, layer: layer, stride: signals.stride)
      signalCounts.promptRows += 1
    }
    var watch = Stopwatch()
    sequence.observe(layer: layer, moment: moment, signals: signals)
    policyTime.prefill += watch.lap()
    let plan = try sequence.decide(layer: layer, moment: moment, signals: signals)
    policyTime.evict += watch.lap()
    sequence.apply(plan, layer: layer)
    policyTime.apply += watch.lap()
  }

  @unsafe private func project(
    _ weight: WeightMatrix, _ input: FloatBuffer, _ count: Int, _ output: FloatBuffer
  ) {
    unsafe Kernels.multiply(
      weight, inputs: input.base, count: count, into: output.base, scratch: scratch.matrix,
      team: model.team)
  }

  // What follows shares tokens out: elementwise work is little, but one thread alone would be
  // waited for.

  private static let tokenGrain = 16

  @unsafe private func normAll(_ count: Int, _ weight: [Float]) {
    let hidden = model.configuration.hidden
    model.team.share(count, grain: Self.tokenGrain) { _, tokens in
      for token in tokens {
        unsafe model.norm(
          scratch.stream.base + token * hidden, weight, into: scratch.normed.base + token * hidden)
      }
    }
  }

  @unsafe private func addProjected(_ count: Int) {
    let hidden = model.configuration.hidden
    model.team.share(count, grain: Self.tokenGrain) { _, tokens in
      let start = tokens.lowerBound * hidden
      unsafe Kernels.add(
        scratch.projected.base + start, to: scratch.stream.base + start,
        count: tokens.count * hidden)
    }
  }

  @unsafe private func swiGLU(_ count: Int) {
    let width = model.configuration.intermediate
    model.team.share(count, grain: Self.tokenGrain) { _, tokens in
      let gate = unsafe scratch.gate.base + tokens.lowerBound * width
      unsafe Kernels.swiGLU(
        gate: gate, up: scratch.up.base + tokens.lowerBound * width, count: tokens.count * width,
        into: gate)
    }
  }

  @unsafe private func rotateAll(_ count: Int, from first: Int) {
    rotary.prepare(first..<first + count)
    model.team.share(count, grain: Self.tokenGrain) { _, tokens in
      for token in tokens {
        unsafe rotate(
          TokenRow(scratch, token, model.configuration), position: first + token)
      }
    }
  }
}
