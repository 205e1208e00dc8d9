internal import ReferenceModel

extension Checkpoint {
  /// A tensor that a model needs.
  struct Part {
    /// What Hugging Face's files and GGUF files call it.
    let name, gguf: String
    /// Elements along each axis, outermost first.
    let shape: [Int]
    /// The heads whose rows GGUF files have in another order, if it is a query or key matrix.
    let turnedHeads: Int?
  }

  /// Every tensor of `model`, in the order of the layers.
  static func parts(_ model: LlamaConfiguration) -> [Part] {
    let (theirs, ours) = (TensorNames.gguf, TensorNames.huggingFace)
    var parts: [Part] = []
    func add(_ name: String, _ gguf: String, _ shape: Int..., turnedHeads: Int? = nil) {
      parts.append(Part(name: name, gguf: gguf, shape: shape, turnedHeads: turnedHeads))
    }
    add(ours.embedding, theirs.embedding, model.vocabulary, model.hidden)
    for index in 0..<model.layers {
      let (name, gguf) = (ours.layer(index), theirs.layer(index))
      let queries = model.queryHeads * model.headDimension
      let keys = model.keyHeads * model.headDimension
      add(name.attentionNorm, gguf.attentionNorm, model.hidden)
      add(name.query, gguf.query, queries, model.hidden, turnedHeads: model.queryHeads)
      add(name.key, gguf.key, keys, model.hidden, turnedHeads: model.keyHeads)
      add(name.value, gguf.value, keys, model.hidden)
      add(name.output, gguf.output, model.hidden, queries)
      add(name.feedForwardNorm, gguf.feedForwardNorm, model.hidden)
      add(name.gate, gguf.gate, model.intermediate, model.hidden)
      add(name.up, gguf.up, model.intermediate, model.hidden)
      add(name.down, gguf.down, model.hidden, model.intermediate)
    }
    add(ours.outputNorm, theirs.outputNorm, model.hidden)
    if !model.tiedEmbedding { add(ours.head, theirs.head, model.vocabulary, model.hidden) }
    return parts
  }
}
