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
    var count = 0
    for session in sessions {
      session.stepRows = count..<count + 1 + (session.revised?.count ?? 0)
      count = session.stepRows.upperBound
      session.sequence.begin()
      let end = session.sequence.length.tokens + 1
      session.prepareRotation(end - session.stepRows.count..<end)
    }
    let pass = unsafe ForwardPass(self, scratch, count: count, kind: .step)
    unsafe forward(withPast(tokens, of: sessions, scratch), pass) { layer in
      unsafe attend(layer: layer, sessions, scratch)
    }
    unsafe moveStreamsToFront(of: sessions, scratch)
    let last = unsafe ForwardPass(self, scratch, count: sessions.count, kind: .step)
    unsafe computeVocabularyLogits(of: sessions, last) {
      for (session, token) in zip(sessions, tokens) {
        session.finish(session.nextStep, beside: team.threads)
        session.revised?.advance(token)
        // Until the logits are computed, the whole batch needs the scratch memory of one session.
        session.sequence.begin()
      }
    }
    for session in sessions {
      session.notePrediction()
      session.sequence.end()
    }
  }

  /// Computes the attention output of a step for every session.
  ///
  /// Few sessions follow each other, and all threads work for each of them. Of many sessions every
  /// thread takes whole ones, so that policies decide at the same time and no thread waits; only
  /// what sessions share, the pages, is changed for one session after the other.
  @unsafe private func attend(
    layer: Int, _ sessions: some RandomAccessCollection<LlamaSession>, _ scratch: Scratch
  ) {
    guard team.threads > 1, sessions.count >= 2 * team.threads else {
      for session in sessions {
        let rows = unsafe TokenRows(scratch, session.stepRows, of: session)
        unsafe session.attend(layer: layer, rows, moment: session.nextStep)
      }
      return
    }
    let batch = (sessions: Array(sessions), layer: layer, scratch: scratch)
    for session in sessions {
      unsafe session.beginStep(
        layer: layer, TokenRows(scratch, session.stepRows, of: session))
    }
    // No data race in the two regions: each session is one item, and its policy sees and changes
    // only its own rows, columns and memory.
    if sessions.contains(where: { $0.decidesBefore(layer: layer) }) {
      team.share(sessions.count, grain: 1, with: batch) { batch, _, numbers in
        for session in batch.sessions[numbers] {
          session.decideBefore(layer: batch.layer, alone: true)
        }
      }
    }
    for session in sessions {
      unsafe session.chooseRows(layer: layer, TokenRows(scratch, session.stepRows, of: session))
    }
    team.share(sessions.count, grain: 1, with: batch) { batch, _, numbers in
      for session in batch.sessions[numbers] {
        let rows = unsafe TokenRows(batch.scratch, session.stepRows, of: session)
        unsafe session.attendStep(layer: batch.layer, rows, alone: true)
      }
    }
    for session in sessions { session.endStep(layer: layer) }
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
    for (number, session) in sessions.enumerated() {
      let row = session.stepRows.upperBound - 1
      guard row > number else { continue }
      unsafe (scratch.stream.base + number * hidden).update(
        from: scratch.stream.base + row * hidden, count: hidden)
    }
  }

  /// Final norm and head: the vocabulary logits of every session whose step was completed. Beside
  /// the last product, this thread does an errand that changes no scratch memory: it ends the step
  /// in the caches.
  @unsafe private func computeVocabularyLogits(
    of sessions: some RandomAccessCollection<LlamaSession>, _ pass: ForwardPass,
    beside errand: () -> Void
  ) {
    guard sessions.contains(where: { $0.sequence.failure == nil }) else { return errand() }
    let scratch = unsafe pass.scratch
    unsafe pass.norm(scratch.stream, weights.outputNorm, into: scratch.normed)
    // A single session's logits go straight to their buffer, without a copy.
    if sessions.count == 1, let session = sessions.first {
      unsafe pass.multiply(
        scratch.normed, by: (weights.head, session.scratch.logits), beside: errand)
      return
    }
    let vocabulary = configuration.vocabulary
    let all = unsafe scratch.allLogits.room(sessions.count * vocabulary)
    unsafe pass.multiply(scratch.normed, by: (weights.head, scratch.allLogits), beside: errand)
    for (number, session) in sessions.enumerated() where session.sequence.failure == nil {
      unsafe session.scratch.logits.base.update(from: all + number * vocabulary, count: vocabulary)
    }
  }
}
