import KVPolicyKit

/// The path of tokens through the model: a chunk of a prompt, one token of a session, or a batch
/// with one token from each of several sessions.
///
/// ```text
/// token → embedding → stream ┬→ norm → queries, keys, values → attention → output ┐
///                            └────────────────────────────────────────────────── + ┴→ next layer …
///                              (then likewise norm → gate, up → SwiGLU → down)
/// … → norm → head → logits
/// ```
///
/// Some architectures add a bias to queries, keys and values, or norm each head's query and key.
/// Attention sees the results, so every cache holds them.
extension LlamaModel {
  /// Takes tokens through all layers; `pass.scratch.stream` then holds their residual streams.
  ///
  /// - Parameters:
  ///   - tokens: `pass.count` tokens, all in the vocabulary.
  ///   - pass: how the work is divided, and its scratch memory.
  ///   - measure: called as below.
  ///   - attend: computes the attention output of a layer.
  @unsafe func forward(
    _ tokens: some Collection<Int>, _ pass: ForwardPass, measure: ((_ layer: Int) -> Void)? = nil,
    attend: (_ layer: Int) -> Void
  ) {
    let scratch = unsafe pass.scratch
    unsafe scratch.makeRoom(tokens: pass.count, configuration)
    for (number, token) in tokens.enumerated() {
      unsafe dequantise(
        row: token, of: weights.embedding,
        into: scratch.stream.base + number * configuration.hidden)
    }
    unsafe forward(pass, measure: measure, attend: attend)
  }

  /// Takes what `pass.scratch.stream` holds through all layers.
  ///
  /// Attention belongs to the sessions: `attend` appends the tokens' keys and values to the caches
  /// and reads the caches with the tokens' queries. It finds queries, keys and values in
  /// `pass.scratch` and leaves the attention output in `pass.scratch.mixed`.
  ///
  /// - Parameters:
  ///   - pass: how the work is divided, and its scratch memory, with room for `pass.count` tokens.
  ///   - measure: called when a layer's attention block is in `pass.scratch.projected` and not yet
  ///     part of the residual stream; nil if nothing is measured.
  ///   - attend: computes the attention output of a layer.
  @unsafe func forward(
    _ pass: ForwardPass, measure: ((_ layer: Int) -> Void)? = nil, attend: (_ layer: Int) -> Void
  ) {
    let scratch = unsafe pass.scratch
    for (index, layer) in weights.layers.enumerated() {
      unsafe pass.norm(scratch.stream, layer.attentionNorm, into: scratch.normed)
      unsafe pass.multiply(
        scratch.normed, by: (layer.query, scratch.queries), (layer.key, scratch.keys),
        (layer.value, scratch.values))
      if let biases = layer.biases { unsafe pass.add(biases) }
      if let norms = layer.headNorms { unsafe pass.norm(norms) }
      attend(index)
      unsafe pass.multiply(scratch.mixed, by: (layer.output, scratch.projected))
      measure?(index)
      unsafe pass.add(scratch.projected, to: scratch.stream)

      unsafe pass.norm(scratch.stream, layer.feedForwardNorm, into: scratch.normed)
      unsafe pass.multiply(scratch.normed, by: (layer.gate, scratch.gate), (layer.up, scratch.up))
      unsafe pass.swiGLU(gate: scratch.gate, up: scratch.up)
      unsafe pass.multiply(scratch.gate, by: (layer.down, scratch.projected))
      unsafe pass.add(scratch.projected, to: scratch.stream)
    }
  }

  /// Runs one decode step of a batch of sessions. Each session reads a token and then holds the
  /// vocabulary logits of its next token, unless its sequence has failed.
  ///
  /// - Parameters:
  ///   - tokens: one token per session, all in the vocabulary.
  ///   - sessions: sessions of this model, no two on the same sequence, each with room for a token
  ///     reserved.
  ///   - scratch: the scratch memory of one of the sessions.
  @unsafe func step(
    _ tokens: some Collection<Int>, of sessions: some RandomAccessCollection<LlamaSession>,
    _ scratch: Scratch
  ) {
    let count = sessions.reduce(0) { $0 + $1.stepTokens }
    let pass = unsafe ForwardPass(self, scratch, count: count, kind: .step)
    for session in sessions {
      session.sequence.begin()
      let end = session.sequence.length.tokens + 1
      session.prepareRotation(end - session.stepTokens..<end)
    }
    func attend(layer: Int) {
      var first = 0
      for session in sessions {
        let rows = unsafe TokenRows(scratch, first..<first + session.stepTokens, configuration)
        first += session.stepTokens
        unsafe session.attend(layer: layer, rows, moment: session.nextStep)
      }
    }
    if count == sessions.count {
      unsafe forward(tokens, pass, attend: attend)
    } else {
      unsafe forward(withPast(tokens, of: sessions, scratch), pass, attend: attend)
      unsafe moveStreamsToFront(of: sessions, scratch)
    }
    for (session, token) in zip(sessions, tokens) {
      session.finish(session.nextStep)
      session.revised?.advance(token)
      // Until the logits are computed, the whole batch needs the scratch memory of one session.
      session.sequence.begin()
    }
    unsafe computeVocabularyLogits(
      of: sessions, ForwardPass(self, scratch, count: sessions.count, kind: .step))
    for session in sessions {
      session.notePrediction()
      session.sequence.end()
    }
  }

  /// The tokens of a step, each after the past tokens that its session corrects.
  private func withPast(
    _ tokens: some Collection<Int>, of sessions: some RandomAccessCollection<LlamaSession>,
    _ scratch: Scratch
  ) -> [Int] {
    scratch.stepTokens.removeAll(keepingCapacity: true)
    for (session, token) in zip(sessions, tokens) {
      if let past = session.revised?.tokens { scratch.stepTokens += past }
      scratch.stepTokens.append(token)
    }
    return scratch.stepTokens
  }

  /// Moves the residual streams of the sessions' new tokens before those of past tokens, of which
  /// nobody wants logits.
  @unsafe private func moveStreamsToFront(
    of sessions: some RandomAccessCollection<LlamaSession>, _ scratch: Scratch
  ) {
    let hidden = configuration.hidden
    var end = 0
    for (number, session) in sessions.enumerated() {
      end += session.stepTokens
      guard end - 1 > number else { continue }
      unsafe (scratch.stream.base + number * hidden).update(
        from: scratch.stream.base + (end - 1) * hidden, count: hidden)
    }
  }

  /// Final norm and head: the vocabulary logits of every session whose step was completed.
  @unsafe private func computeVocabularyLogits(
    of sessions: some RandomAccessCollection<LlamaSession>, _ pass: ForwardPass
  ) {
    guard sessions.contains(where: { $0.sequence.failure == nil }) else { return }
    let scratch = unsafe pass.scratch
    unsafe pass.norm(scratch.stream, weights.outputNorm, into: scratch.normed)
    // A single session's logits go straight to their buffer, without a copy.
    if sessions.count == 1, let session = sessions.first {
      unsafe pass.multiply(scratch.normed, by: (weights.head, session.scratch.logits))
      return
    }
    let vocabulary = configuration.vocabulary
    let all = unsafe scratch.allLogits.room(sessions.count * vocabulary)
    unsafe pass.multiply(scratch.normed, by: (weights.head, scratch.allLogits))
    for (number, session) in sessions.enumerated() where session.sequence.failure == nil {
      unsafe session.scratch.logits.base.update(from: all + number * vocabulary, count: vocabulary)
    }
  }
}
