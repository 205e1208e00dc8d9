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
    let ours = ParameterLayout(model)
    let theirs = ParameterLayout(model, names: .gguf)
    var heads: [String: Int] = [:]
    for layer in ours.layers {
      heads[layer.query.name] = model.queryHeads
      heads[layer.key.name] = model.keyHeads
    }
    var parts = zip(ours.tensors, theirs.tensors).map { tensor, other in
      Part(
        name: tensor.name, gguf: other.name, shape: tensor.shape, turnedHeads: heads[tensor.name])
    }
    if !model.tiedEmbedding {
      parts.append(
        Part(
          name: TensorNames.huggingFace.head, gguf: TensorNames.gguf.head,
          shape: ours.embedding.shape, turnedHeads: nil))
    }
    return parts
  }
}
