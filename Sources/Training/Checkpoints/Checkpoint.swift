public import ReferenceModel

/// A model's parameters, with everything that other programs need to run the model.
///
/// Tensors have Hugging Face's names and order. Matrices are `outputs × inputs`, row-major. Element
/// `i` of a head is rotated with element `i + headDimension / 2`.
public struct Checkpoint: Sendable {
  /// The sizes of the model; its vocabulary size is `vocabulary.count`.
  public let configuration: LlamaConfiguration
  /// The tokens.
  public let vocabulary: WordVocabulary
  /// Every parameter, in the order of the layers.
  public let tensors: [FloatTensor]

  /// Checks that the parts describe one model, and that every number is finite.
  ///
  /// - Parameters:
  ///   - configuration: of architecture `llama`, with unscaled rotary positions.
  ///   - vocabulary: the tokens.
  ///   - tensors: exactly those of the model, in any order, without an output head if it is tied to
  ///     the embedding.
  public init(
    _ configuration: LlamaConfiguration, vocabulary: WordVocabulary, tensors: [FloatTensor]
  ) throws(CheckpointError) {
    try Checkpoint.check(configuration, vocabulary)
    var byName: [String: FloatTensor] = [:]
    for tensor in tensors {
      guard byName.updateValue(tensor, forKey: tensor.name) == nil else {
        throw CheckpointError.tensor(name: tensor.name, reason: "is given twice")
      }
    }
    self.configuration = configuration
    self.vocabulary = vocabulary
    var ordered: [FloatTensor] = []
    for part in Checkpoint.parts(configuration) {
      guard let tensor = byName.removeValue(forKey: part.name) else {
        throw CheckpointError.tensor(
          name: part.name, reason: "is missing; give it, of shape \(part.shape)")
      }
      try Checkpoint.check(tensor, shape: part.shape)
      ordered.append(tensor)
    }
    if let name = byName.keys.min() {
      throw CheckpointError.tensor(name: name, reason: "is no part of the model; leave it out")
    }
    self.tensors = ordered
  }

  private static func check(
    _ model: LlamaConfiguration, _ vocabulary: WordVocabulary
  ) throws(CheckpointError) {
    let problem: String? =
      switch model {
      case _ where model.architecture != "llama": "the architecture must be 'llama'"
      case _ where model.hasProjectionBias || model.hasHeadNorm:
        "the model must have neither biases nor norms of queries and keys"
      case _ where model.rope.pairing != .halves:
        "tensors are in Hugging Face's order, so the rotary pairing must be 'halves'"
      case _ where model.rope.scaling != .none || model.rope.frequencyFactors != nil:
        "rotary positions must not be stretched"
      case _ where model.rope.dimensions != model.headDimension:
        "rotary positions must turn the whole head"
      case _ where model.keyHeads < 1 || model.queryHeads % max(1, model.keyHeads) != 0:
        "query heads must divide among the key heads"
      case _ where model.headDimension < 2 || model.headDimension % 2 != 0:
        "a head must have an even number of elements"
      case _ where model.layers < 1: "there must be a layer"
      case _ where model.vocabulary != vocabulary.count:
        "the model has \(model.vocabulary) tokens, and the vocabulary \(vocabulary.count) (its words and "
          + "\(vocabulary.bytes.count) bytes); make the model with as many"
      case _
      where !(model.eosTokens + [model.bosToken ?? 0]).allSatisfy((0..<model.vocabulary).contains):
        "the tokens that begin and end a text must be from 0 to \(model.vocabulary - 1)"
      default: nil
      }
    if let problem { throw CheckpointError.configuration(reason: problem) }
  }

  private static func check(_ tensor: FloatTensor, shape: [Int]) throws(CheckpointError) {
    guard tensor.shape == shape else {
      throw CheckpointError.tensor(
        name: tensor.name, reason: "has shape \(tensor.shape); the model asks for \(shape)")
    }
    try tensor.checkCount()
    if let place = tensor.values.firstIndex(where: { !$0.isFinite }) {
      throw CheckpointError.tensor(
        name: tensor.name,
        reason:
          "element \(place) is \(tensor.values[place]); the training has failed, so go back to an "
          + "earlier state")
    }
  }
}

extension FloatTensor {
  /// Throws if the number of values does not fit the shape.
  func checkCount() throws(CheckpointError) {
    let count = shape.reduce(1 as Int?) { count, size in
      guard let (product, overflows) = count?.multipliedReportingOverflow(by: size) else {
        return nil
      }
      return overflows ? nil : product
    }
    guard count == values.count else {
      throw .tensor(name: name, reason: "has \(values.count) values, and shape \(shape)")
    }
  }
}

extension Checkpoint {
  /// A tensor that a model consists of.
  struct Part {
    /// The names of the tensor in Hugging Face's files and in GGUF files.
    let name, gguf: String
    /// Elements along each axis, outermost first.
    let shape: [Int]
    /// The number of heads of a query or key matrix, whose rows GGUF files reorder; nil for other
    /// tensors.
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
