import KVPolicyKit

/// A network of two layers for every layer and key head: GELU(x · W₁ + b₁) · W₂ + b₂.
struct LearnedScorer: Sendable {
  /// The kind of artifact that holds the weights.
  static let kind = "scorer"

  private struct Weights {
    let first: Tensor
    let firstBias: Tensor
    let second: Tensor
    let secondBias: Tensor
  }

  private let layers: [Weights]

  /// Reads the weights under their official names.
  init(_ artifact: Artifact, _ shape: CacheShape) throws(ArtifactError) {
    let (heads, inputs) = (shape.keyHeads, 2 * shape.headDimension + 8 * shape.group)
    layers = try (0..<shape.layers).map { layer throws(ArtifactError) in
      let name = "model.layers.\(layer).self_attn.judge_model."
      let first = try artifact.tensor(name + "fc1.weight", shape: [heads, inputs, nil])
      let hidden = first.shape[2]
      return Weights(
        first: first,
        firstBias: try artifact.tensor(name + "fc1.bias", shape: [heads, hidden]),
        second: try artifact.tensor(name + "fc2.weight", shape: [heads, hidden, 1]),
        secondBias: try artifact.tensor(name + "fc2.bias", shape: [heads, 1]))
    }
  }

  /// The network's output for the inputs of one row.
  func output(_ inputs: [Float], _ lane: LaneID) -> Float {
    let weights = layers[lane.layer]
    let hidden = weights.first.shape[2]
    let start = lane.head * inputs.count * hidden
    var sums = Array(weights.firstBias.values[lane.head * hidden..<(lane.head + 1) * hidden])
    for (index, input) in inputs.enumerated() {
      let row = start + index * hidden
      for unit in 0..<hidden { sums[unit] += input * weights.first.values[row + unit] }
    }
    var output = weights.secondBias.values[lane.head]
    for (unit, sum) in sums.enumerated() {
      output += sum.gelu * weights.second.values[lane.head * hidden + unit]
    }
    return output
  }
}
