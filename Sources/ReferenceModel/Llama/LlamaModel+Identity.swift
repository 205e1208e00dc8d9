import KVPolicyKit

extension LlamaWeights {
  /// The identity of the model with these weights: a digest of its sizes, rotation, norm gains and
  /// biases.
  ///
  /// Files store gains and biases as floats even where matrices are quantised, so every
  /// quantisation of a model has the same identity. A fine-tuned model has a different identity,
  /// unless its norms and biases were frozen.
  func identity(of model: LlamaConfiguration) -> ModelIdentity {
    let sizes =
      "\(model.layers) \(model.hidden) \(model.intermediate) \(model.queryHeads) \(model.keyHeads) "
      + "\(model.headDimension) \(model.vocabulary) \(model.rope.theta) \(model.rope.scaling) "
      + "\(model.rope.frequencyFactors ?? [])"
    var bytes = Array(sizes.utf8)
    for vector in layers.flatMap(\.vectors) + [outputNorm] {
      for number in vector {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
          bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift))
        }
      }
    }
    return ModelIdentity(
      name: "\(model.architecture) of \(model.layers) layers and \(model.hidden) elements",
      digest: SHA256.hexadecimal(of: bytes))
  }
}

extension LlamaWeights.Layer {
  /// All weights of the layer that are not matrices.
  fileprivate var vectors: [[Float]] {
    [attentionNorm, feedForwardNorm] + (headNorms.map { [$0.query, $0.key] } ?? [])
      + (biases.map { [$0.query, $0.key, $0.value] } ?? [])
  }
}
