import Foundation
import KVPolicyKit

/// Keeps the latest tokens, and of the older ones those that a trained gate admitted.
///
/// Huang et al., "KV Admission: Learning What to Write for Efficient Long-Context Inference", 2025;
/// behaviour of EMCLab-Sinica/WG-KV. A token's row is judged once, when it leaves the
/// window: a small network of the layer and key head looks at the row's key, and a refused row goes
/// before any later query reads it.
public struct WriteGatedKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "wgkv"
  /// What the policy keeps.
  public static let summary = "keeps the latest tokens, and older ones that a gate admitted"
  /// Where the method was published.
  public static let source = "Huang et al., 2025 (arXiv 2512.17452); EMCLab-Sinica/WG-KV"

  /// The networks; nil where only the settings are asked for.
  private let gates: KeyGates?
  private let window: Int
  private let threshold: Float
  private let floor: Float
  private let prefillTile: Int

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    gates = try settings.artifact(
      "gates", kind: KeyGates.kind, "the gate network of each layer and key head"
    ) { artifact, shape throws(ArtifactError) in try KeyGates(artifact, shape) }
    window = try settings.integer(
      "window", default: 256, atLeast: 2, "most recent tokens, which all lanes keep")
    threshold = Float(
      try settings.number(
        "threshold", default: 0.1, in: 0...1, "a token is admitted if its gate is greater"))
    floor = Float(
      try settings.number("floor", default: 0.001, in: 0...1, "the least that a gate can be"))
    prefillTile = try settings.integer(
      "prefillTile", default: 64, atLeast: 1,
      "prompt tokens that share the window of the first of them")
    guard floor <= threshold else {
      throw settings.impossible(
        "floor (\(floor)) cannot be greater than threshold (\(threshold)): every token would be "
          + "admitted; use a floor of at most the threshold")
    }
  }

  /// The policy takes no budget: the gates decide how much stays.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? { nil }

  /// After each tile of the prompt and in every step.
  public var cadence: Cadence {
    Cadence(prompt: .everyChunk, every: 1, chunk: prefillTile, looks: .whenAsked)
  }
  /// A step reads only what it keeps.
  public var phase: Phase { .beforeStep }
  /// The window of the next token, without that token.
  public var protection: Protection { Protection(recent: window - 1) }
  /// The networks.
  public var stateBytes: Int { gates?.bytes ?? 0 }

  /// Drops the rows that leave the window and whose gates refuse them.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard let gates else { return }
    let leaving = positionsLeaving(cache.moment, length: cache.length.tokens)
    cache.forEachLane { lane in
      let positions = lane.positions
      var rows: [Int] = []
      for row in 0..<lane.count where leaving.contains(Int(positions[row])) { rows.append(row) }
      let values = gates.values(lane, of: rows)
      plan.drop(
        zip(rows, values).filter { max($0.1, floor) <= threshold }.map { $0.0 }, of: lane.id)
    }
  }

  /// The positions that leave the window at a moment.
  private func positionsLeaving(_ moment: Moment, length: Int) -> Range<Int> {
    switch moment {
    case .step: return length - window - 1..<length - window
    case .chunk(let tokens, let isLast):
      // The first token of the next tile takes a place in its own window.
      let end = length - window + (isLast ? 0 : 1)
      return min(tokens.lowerBound - window, end)..<end
    }
  }
}

/// For each layer and key head a network that says from a key, un-rotated and rotated, whether its
/// token is worth keeping.
struct KeyGates: Sendable {
  /// The kind of artifact that holds the networks.
  static let kind = "gate"
  private static let epsilon: Float = 1e-6

  private struct Layer {
    let rawNorm: [Float]
    let turnedNorm: [Float]
    /// By key head.
    let networks: [TrainedNetwork]
  }

  private let layers: [Layer]

  /// Reads the networks under their official names. The heads of a layer share its norms.
  init(_ artifact: Artifact, _ shape: CacheShape) throws(ArtifactError) {
    let (heads, width) = (shape.keyHeads, shape.headDimension)
    layers = try (0..<shape.layers).map { layer throws(ArtifactError) in
      let name = "model.layers.\(layer).self_attn.g_predictors."
      let second = try artifact.tensor(name + "conv2.weight", shape: [heads, nil, 1])
      let hidden = second.shape[1]
      let first = try artifact.tensor(
        name + "conv1.weight", shape: [heads * hidden, 2 * width, 1])
      let firstBias = try artifact.tensor(name + "conv1.bias", shape: [heads * hidden])
      let secondBias = try artifact.tensor(name + "conv2.bias", shape: [heads])
      func part(_ tensor: Tensor, _ head: Int) -> ArraySlice<Float> {
        let count = tensor.values.count / heads
        return tensor.values[head * count..<(head + 1) * count]
      }
      return Layer(
        rawNorm: try artifact.tensor(name + "pre_key_norm.weight", shape: [width]).values,
        turnedNorm: try artifact.tensor(name + "post_key_norm.weight", shape: [width]).values,
        networks: (0..<heads).map { head in
          TrainedNetwork(
            first: DenseLayer(part(first, head), part(firstBias, head)),
            second: DenseLayer(part(second, head), part(secondBias, head)))
        })
    }
  }

  /// Bytes of the networks.
  var bytes: Int {
    layers.reduce(0) { sum, layer in
      layer.networks.reduce(sum + 4 * (layer.rawNorm.count + layer.turnedNorm.count)) {
        $0 + $1.bytes
      }
    }
  }

  /// The gates of some rows of a lane, from 0 to 1.
  func values(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    let layer = layers[lane.id.layer]
    let network = layer.networks[lane.id.head]
    let rotation = lane.rotation
    var inputs = rows.map { _ in [Float]() }
    lane.forEachKey(of: rows, .raw) { index, key in
      inputs[index] += KeyGates.normed(key, layer.rawNorm, rotation)
    }
    lane.forEachKey(of: rows, .atPosition) { index, key in
      inputs[index] += KeyGates.normed(key, layer.turnedNorm, rotation)
    }
    return inputs.map { 1 / (1 + exp(-network($0.span)[0])) }
  }

  /// A key of root mean square 1, times the norm's weights, with its elements in the order of the
  /// models that gates are trained on.
  static func normed(
    _ key: Span<Float>, _ weights: [Float], _ rotation: Rotation?
  ) -> [Float] {
    let scale = 1 / (key.dot(key) / Float(key.count) + epsilon).squareRoot()
    return zip(rotation.trainedOrder(of: key), weights).map { $0 * scale * $1 }
  }
}
