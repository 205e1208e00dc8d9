package import KVPolicyKit
internal import Policies

/// Random artifacts that fit a shape, the same at every call. The path is the kind, with any
/// ending; a predictor has a hidden layer unless its path ends with `.linear`.
package struct RandomArtifacts: ArtifactSource {
  private let shape: CacheShape

  /// Artifacts for caches of this shape.
  package init(_ shape: CacheShape) { self.shape = shape }

  /// The tensors of a scorer with three hidden units.
  private var scorer: [String: [Int]] {
    let (heads, inputs) = (shape.keyHeads, 2 * shape.headDimension + 8 * shape.group)
    var tensors: [String: [Int]] = [:]
    for layer in 0..<shape.layers {
      let name = "model.layers.\(layer).self_attn.judge_model."
      tensors[name + "fc1.weight"] = [heads, inputs, 3]
      tensors[name + "fc1.bias"] = [heads, 3]
      tensors[name + "fc2.weight"] = [heads, 3, 1]
      tensors[name + "fc2.bias"] = [heads, 1]
    }
    return tensors
  }

  /// The tensors of gates with three hidden units.
  private var gates: [String: [Int]] {
    let (heads, width) = (shape.keyHeads, shape.headDimension)
    var tensors: [String: [Int]] = [:]
    for layer in 0..<shape.layers {
      let name = "model.layers.\(layer).self_attn.g_predictors."
      tensors[name + "conv1.weight"] = [3 * heads, 2 * width, 1]
      tensors[name + "conv1.bias"] = [3 * heads]
      tensors[name + "conv2.weight"] = [heads, 3, 1]
      tensors[name + "conv2.bias"] = [heads]
      tensors[name + "pre_key_norm.weight"] = [width]
      tensors[name + "post_key_norm.weight"] = [width]
    }
    return tensors
  }

  /// The tensors of a predictor with three hidden units, or with none.
  private func predictor(isLinear: Bool) -> [String: [Int]] {
    let (heads, hidden) = (shape.keyHeads, shape.queryHeads * shape.headDimension)
    var tensors: [String: [Int]] = [:]
    for layer in 0..<shape.layers {
      let name = "layers.\(layer)." + (isLinear ? "" : "0.")
      tensors[name + "weight"] = [isLinear ? heads : 3, hidden]
      tensors[name + "bias"] = [isLinear ? heads : 3]
      guard !isLinear else { continue }
      tensors["layers.\(layer).2.weight"] = [heads, 3]
      tensors["layers.\(layer).2.bias"] = [heads]
    }
    return tensors
  }

  /// The tensors of a memory with 8 features and 16 hidden units.
  private var residual: [String: [Int]] {
    let (heads, width) = (shape.keyHeads, shape.headDimension)
    var tensors: [String: [Int]] = [:]
    for layer in 0..<shape.layers {
      let name = "model.layers.\(layer).self_attn."
      tensors[name + "kernel_q_mat1"] = [shape.queryHeads, width, 16]
      tensors[name + "kernel_q_mat2"] = [shape.queryHeads, 16, 8]
      tensors[name + "kernel_k_mat1"] = [heads, width, 16]
      tensors[name + "kernel_k_mat2"] = [heads, 16, 8]
      tensors[name + "interaction_k"] = [heads, 8, 8]
      tensors[name + "scalingD"] = [1, heads, 1, 8]
      tensors[name + "scalingD2"] = [1, heads, 1, 8]
    }
    return tensors
  }

  package func artifact(at path: String) throws(ArtifactError) -> Artifact {
    let kind = String(path.prefix { $0 != "." })
    let lanes = [shape.layers, shape.keyHeads]
    let shapes: [String: [String: [Int]]] = [
      "head-profile": [Artifact.table: lanes],
      "sketch": ["sketch": lanes + [shape.headDimension, 3]],
      "probe": ["soft_tokens": [3, shape.queryHeads * shape.headDimension]],
      "lane-measures": ["heads": lanes, "layers": [shape.layers]],
      "scorer": scorer, "gate": gates,
      "residual": residual,
      "predictor": predictor(isLinear: path.hasSuffix(".linear")),
    ]
    guard let named = shapes[kind] else { throw ArtifactError("there is no artifact \(path)") }
    var random = SplitMix64(seed: 7)
    var tensors: [String: Tensor] = [:]
    for (name, shape) in named.sorted(by: { $0.key < $1.key }) {
      let values = (0..<shape.reduce(1, *)).map { _ in Float(random.unit()) }
      tensors[name] = Tensor(shape: shape, values: values)
    }
    return Artifact(kind: kind, digest: String(repeating: "0", count: 64), tensors: tensors)
  }
}

extension PolicyRegistry {
  /// All shipped policies, with random artifacts for caches of this shape.
  package static func tried(on shape: CacheShape) -> PolicyRegistry {
    var registry = PolicyRegistry.all
    registry.artifacts = RandomArtifacts(shape)
    return registry
  }
}
