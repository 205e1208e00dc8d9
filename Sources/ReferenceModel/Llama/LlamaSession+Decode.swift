import KVPolicyKit

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
    unsafe model.step(CollectionOfOne(token), of: CollectionOfOne(self), scratch)
    if let failure = sequence.failure { throw failure }
    try checkFinite()
  }
}

/// The journey of one token, or of one token each of several sequences, which pass through the layers
/// together: every matrix of weights is read once for all of them.
extension LlamaModel {
  // The scratch has room for as many tokens as there are sessions, one after the other in each buffer.

  /// - Parameters:
  ///   - tokens: one per session, all in the vocabulary.
  ///   - sessions: of this model, no two of one sequence; room for a token each is reserved.
  ///   - scratch: that of one of the sessions.
  @unsafe func step(
    _ tokens: some Collection<Int>, of sessions: some RandomAccessCollection<LlamaSession>,
    _ scratch: Scratch
  ) {
    let (count, hidden) = (sessions.count, configuration.hidden)
    unsafe scratch.makeRoom(tokens: count, configuration)
    let stream = unsafe scratch.stream.base
    for (number, token) in tokens.enumerated() {
      unsafe dequantise(row: token, of: weights.embedding, into: stream + number * hidden)
    }
    for session in sessions { session.beginStep() }

    for (index, layer) in weights.layers.enumerated() {
      unsafe norm(stream, count: count, layer.attentionNorm, into: scratch.normed.base)
      unsafe multiply(
        MatrixGroup(
          (layer.query, scratch.queries.base), (layer.key, scratch.keys.base),
          (layer.value, scratch.values.base)), scratch.normed.base, count: count, scratch.matrix)
      for (number, session) in sessions.enumerated() {
        unsafe session.stepThrough(layer: index, TokenRow(scratch, number, configuration))
      }
      unsafe multiply(
        MatrixGroup((layer.output, scratch.projected.base)), scratch.mixed.base, count: count,
        scratch.matrix)
      unsafe Kernels.add(scratch.projected.base, to: stream, count: count * hidden)

      unsafe norm(stream, count: count, layer.feedForwardNorm, into: scratch.normed.base)
      unsafe multiply(
        MatrixGroup((layer.gate, scratch.gate.base), (layer.up, scratch.up.base)),
        scratch.normed.base, count: count, scratch.matrix)
      unsafe Kernels.swiGLU(
        gate: scratch.gate.base, up: scratch.up.base, count: count * configuration.intermediate,
        into: scratch.gate.base)
      unsafe multiply(
        MatrixGroup((layer.down, scratch.projected.base)), scratch.gate.base, count: count,
        scratch.matrix)
      unsafe Kernels.add(scratch.projected.base, to: stream, count: count * hidden)
    }
    for session in sessions { session.endStep() }
    unsafe computeLogits(of: sessions, scratch)
  }

  /// Final norm and head: the logits of every session whose step came to its end.
  @unsafe private func computeLogits(
    of sessions: some RandomAccessCollection<LlamaSession>, _ scratch: Scratch
  ) {
    let (count, vocabulary) = (sessions.count, configuration.vocabulary)
    guard sessions.contains(where: { $0.sequence.failure == nil }) else { return }
    // One session's go where they belong at once.
    let own = count == 1 ? sessions.first?.scratch.logits : nil
    let all = unsafe own?.base ?? scratch.allLogits.room(count * vocabulary)
    unsafe norm(scratch.stream.base, count: count, weights.outputNorm, into: scratch.normed.base)
    unsafe multiply(
      MatrixGroup((weights.head, all)), scratch.normed.base, count: count, scratch.matrix)
    for (number, session) in sessions.enumerated()
    where own == nil && session.sequence.failure == nil {
      unsafe session.scratch.logits.base.update(from: all + number * vocabulary, count: vocabulary)
    }
  }
}
