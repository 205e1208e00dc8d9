import KVPolicyKit

/// Reads a probe: rows that the policies are shown and that the cache never holds.
extension LlamaSession {
  /// Takes a probe through the layers after a chunk of a prompt. Keeps the chunk's residual streams,
  /// from which its logits are computed.
  func read(_ probe: Probe, after chunk: Range<Int>, of prompt: ArraySlice<Int>, moment: Moment) {
    let (hidden, configuration) = (model.configuration.hidden, model.configuration)
    let end = sequence.length.tokens + chunk.count
    let streams = FloatBuffer(chunk.count * hidden)
    unsafe streams.base.update(from: scratch.stream.base, count: chunk.count * hidden)
    switch probe {
    case .promptTail(let count, let place):
      let tail = prompt.suffix(count)
      let shift = place == .trueEnd ? prompt.count - chunk.upperBound - tail.count : 0
      read(tail, from: end + shift, moment: moment)
    case .embeddings(let vectors):
      unsafe scratch.makeRoom(tokens: vectors.shape[0], configuration)
      for (index, value) in vectors.values.enumerated() {
        unsafe scratch.stream.base[index] = value
      }
      unsafe pass(vectors.shape[0], from: end, moment: moment) { pass, attend in
        unsafe model.forward(pass, attend: attend)
      }
    case .promptAgain(let repetition):
      let start = end - prompt.count
      for part in repetition.parts(of: start..<end) {
        let tokens = part.rows.map { row in
          switch row {
          case .token(let token): token
          case .position(let position): prompt[prompt.startIndex + position - start]
          }
        }
        read(tokens, from: end, repeating: part.repeated, moment: moment)
      }
    }
    unsafe scratch.makeRoom(tokens: chunk.count, configuration)
    unsafe scratch.stream.base.update(from: streams.base, count: chunk.count * hidden)
  }

  /// Takes a probe of tokens through the layers.
  private func read(
    _ tokens: some Collection<Int>, from first: Int, repeating repeated: Range<Int> = 0..<0,
    moment: Moment
  ) {
    unsafe pass(tokens.count, from: first, repeating: repeated, moment: moment) { pass, attend in
      unsafe model.forward(tokens, pass, attend: attend)
    }
  }

  /// Takes the `count` rows of a probe, whose first position is `first`, through the layers.
  private func pass(
    _ count: Int, from first: Int, repeating repeated: Range<Int> = 0..<0, moment: Moment,
    _ forward: (ForwardPass, (_ layer: Int) -> Void) -> Void
  ) {
    prepareRotation(first..<first + count)
    unsafe forward(ForwardPass(model, scratch, count: count, kind: .chunk)) { layer in
      unsafe attendProbe(
        layer: layer, TokenRows(scratch, 0..<count, of: self), from: first,
        repeating: repeated, moment: moment)
    }
  }

  /// Refuses a probe that does not fit the model, before anything changes.
  func checkProbe() throws(SessionError) {
    switch sequence.probe(afterLast: true) {
    case .embeddings(let vectors):
      let hidden = model.configuration.hidden
      guard vectors.shape[1] == hidden else {
        throw .model(
          .request(
            "the policy's probe has vectors of \(vectors.shape[1]) numbers, and the model's "
              + "embeddings have \(hidden); was it trained for another model?"))
      }
    case .promptAgain(let repetition):
      let vocabulary = model.configuration.vocabulary
      if let stranger = repetition.tokens.first(where: { $0 >= vocabulary }) {
        throw .model(
          .request(
            "token \(stranger), which the policy reads with the prompt again, is not in the "
              + "vocabulary; tokens are 0 to \(vocabulary - 1)"))
      }
    case .promptTail, nil: break
    }
  }
}
