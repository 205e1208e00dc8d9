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
      let first =
        switch place {
        case .afterChunk: end
        case .trueEnd: end + prompt.count - chunk.upperBound - tail.count
        }
      let pass = unsafe ForwardPass(model, scratch, count: tail.count, kind: .chunk)
      prepareRotation(first..<first + tail.count)
      unsafe model.forward(tail, pass) { layer in
        unsafe attendProbe(
          layer: layer, TokenRows(scratch, 0..<tail.count, configuration), from: first,
          moment: moment)
      }
    case .embeddings(let vectors):
      let count = vectors.shape[0]
      unsafe scratch.makeRoom(tokens: count, configuration)
      for (index, value) in vectors.values.enumerated() {
        unsafe scratch.stream.base[index] = value
      }
      let pass = unsafe ForwardPass(model, scratch, count: count, kind: .chunk)
      prepareRotation(end..<end + count)
      unsafe model.forward(pass) { layer in
        unsafe attendProbe(
          layer: layer, TokenRows(scratch, 0..<count, configuration), from: end, moment: moment)
      }
    }
    unsafe scratch.makeRoom(tokens: chunk.count, configuration)
    unsafe scratch.stream.base.update(from: streams.base, count: chunk.count * hidden)
  }

  /// Refuses a probe of vectors that do not fit the model, before anything changes.
  func checkProbe() throws(SessionError) {
    guard case .embeddings(let vectors)? = sequence.probe(afterLast: true) else { return }
    let hidden = model.configuration.hidden
    guard vectors.shape[1] == hidden else {
      throw .model(
        .request(
          "the policy's probe has vectors of \(vectors.shape[1]) numbers, and the model's "
            + "embeddings have \(hidden); was it trained for another model?"))
    }
  }
}
