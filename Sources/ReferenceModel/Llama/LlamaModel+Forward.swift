import KVPolicyKit

/// The journey of tokens through the model: a chunk of a prompt, one token of a session, or one token each of
/// several sessions, which pass through the layers together.
///
/// ```text
/// token → embedding → stream ┬→ norm → queries, keys, values → attention → output ┐
///                            └────────────────────────────────────────────────── + ┴→ next layer …
///                              (then likewise norm → gate, up → SwiGLU → down)
/// … → norm → head → logits
/// ```
extension LlamaModel {
  /// Takes tokens through all layers; what they become is in `pass.scratch.stream`.
  ///
  /// Attention is the sessions' own part: their keys and values join their caches, and their queries read
  /// what the caches hold. It finds the tokens' queries, keys and values in `pass.scratch` and leaves its
  /// output in `pass.scratch.mixed`.
  ///
  /// - Parameters:
  ///   - tokens: as many as `pass` has, all in the vocabulary.
  ///   - pass: how the work is divided, and the memory for it.
  ///   - attend: computes the attention output of a layer.
  @unsafe func forward(
    _ tokens: some Collection<Int>, _ pass: ForwardPass, attend: (_ layer: Int) -> Void
  ) {
    let scratch = unsafe pass.scratch
    unsafe scratch.makeRoom(tokens: pass.count, configuration)
    for (number, token) in tokens.enumerated() {
      unsafe dequantise(
        row: token, of: weights.embedding,
        into: scratch.stream.base + number * configuration.hidden)
    }
    for (index, layer) in weights.layers.enumerated() {
      unsafe pass.norm(scratch.stream, layer.attentionNorm, into: scratch.normed)
      unsafe pass.multiply(
        scratch.normed, by: (layer.query, scratch.queries), (layer.key, scratch.keys),
        (layer.value, scratch.values))
      attend(index)
      unsafe pass.multiply(scratch.mixed, by: (layer.output, scratch.projected))
      unsafe pass.add(scratch.projected, to: scratch.stream)

      unsafe pass.norm(scratch.stream, layer.feedForwardNorm, into: scratch.normed)
      unsafe pass.multiply(scratch.normed, by: (layer.gate, scratch.gate), (layer.up, scratch.up))
      unsafe pass.swiGLU(gate: scratch.gate, up: scratch.up)
      unsafe pass.multiply(scratch.gate, by: (layer.down, scratch.projected))
      unsafe pass.add(scratch.projected, to: scratch.stream)
    }
  }

  /// One decode step of some sessions: each reads a token, and has the logits of its next one afterwards,
  /// unless its sequence has failed.
  ///
  /// - Parameters:
  ///   - tokens: one per session, all in the vocabulary.
  ///   - sessions: of this model, no two of one sequence; room for a token each is reserved.
  ///   - scratch: that of one of the sessions.
  @unsafe func step(
    _ tokens: some Collection<Int>, of sessions: some RandomAccessCollection<LlamaSession>,
    _ scratch: Scratch
  ) {
    let pass = unsafe ForwardPass(self, scratch, count: sessions.count, kind: .step)
    for session in sessions { session.prepareRotation(tokens: 1) }
    unsafe forward(tokens, pass) { layer in
      for (number, session) in sessions.enumerated() {
        unsafe session.attend(
          layer: layer, TokenRows(scratch, number..<number + 1, configuration),
          moment: session.nextStep)
      }
    }
    for session in sessions { session.finish(session.nextStep) }
    unsafe computeVocabularyLogits(of: sessions, pass)
  }

  /// Final norm and head: the logits of every session whose step came to its end.
  @unsafe private func computeVocabularyLogits(
    of sessions: some RandomAccessCollection<LlamaSession>, _ pass: ForwardPass
  ) {
    guard sessions.contains(where: { $0.sequence.failure == nil }) else { return }
    let scratch = unsafe pass.scratch
    unsafe pass.norm(scratch.stream, weights.outputNorm, into: scratch.normed)
    // One session's go where they belong at once.
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
