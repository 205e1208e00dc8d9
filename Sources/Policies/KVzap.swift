import KVPolicyKit

/// Keeps the latest tokens, and of the older ones those that a predictor of their later worth rates
/// high enough.
///
/// Jegou and Jeblick, "KVzap: Fast, Adaptive, and Faithful KV Cache Pruning", 2026; behaviour of
/// NVIDIA/kvpress `DMSPress` over `KVzapPress`. The predictor reads the hidden state of a token as
/// it enters a layer, and gives a score for each key head: an estimate of KVzip's score, for which
/// nothing is read twice.
public struct KVzap: KVCachePolicy {
  /// The name in configurations.
  public static let name = "kvzap"
  /// What the policy keeps.
  public static let summary = "keeps the latest tokens, and older ones predicted to matter"
  /// Where the method was published.
  public static let source = "Jegou and Jeblick, 2026 (arXiv 2601.07891); NVIDIA/kvpress KVzapPress"

  /// The networks; nil where only the settings are asked for.
  private let predictor: WorthPredictor?
  private let threshold: Float
  private let window: Int
  private let decoding: Bool

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    predictor = try settings.artifact(
      "predictor", kind: WorthPredictor.kind,
      "the network of each layer, with or without a hidden layer"
    ) { artifact, shape throws(ArtifactError) in try WorthPredictor(artifact, shape) }
    threshold = Float(
      try settings.number(
        "threshold", default: -4, in: -1e6...1e6, "rows of a lower predicted score go"))
    window = try settings.integer(
      "window", default: 128, atLeast: 1, "most recent tokens, which all lanes keep")
    decoding = try settings.flag(
      "decoding", default: true, "whether decoded tokens are judged too, and not only prompts")
  }

  /// The policy takes no budget: the threshold decides how much stays.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? { nil }

  /// What each layer reads of the tokens.
  public var signals: Set<Signal> { [.layerInput(width: predictor?.width)] }
  /// The predicted score.
  public func columns(for shape: CacheShape) -> [Column] {
    [.scalar("score", initial: .infinity)]
  }
  /// When the prompt ends, and after every step if decoded tokens are judged.
  public var cadence: Cadence {
    Cadence(
      prompt: .atEnd, every: decoding ? 1 : 0, looks: decoding ? .always : .whenAsked)
  }
  /// The latest tokens.
  public var protection: Protection { Protection(recent: window) }
  /// The networks.
  public var stateBytes: Int { predictor?.bytes ?? 0 }

  /// Remembers the scores of a chunk's tokens.
  public mutating func prefill(_ layer: borrowing LayerView) { judge(layer) }
  /// Remembers the scores of a step's token.
  public mutating func step(_ layer: borrowing LayerView) { judge(layer) }

  private func judge(_ layer: borrowing LayerView) {
    guard let predictor else { return }
    // All lanes of a layer have the same inputs.
    let lane = layer.lane(0)
    var scores: [[Float]] = []
    for token in 0..<lane.layerInputCount {
      scores.append(predictor.scores(lane.layerInput(token), layer: layer.layer))
    }
    let first = layer.length.tokens - scores.count
    layer.forEachLane { lane in
      let positions = lane.positions
      var column = lane.mutableColumn(0)
      for row in 0..<lane.count where positions[row] >= first {
        column[row] = scores[Int(positions[row]) - first][lane.id.head]
      }
    }
  }

  /// Drops the rows outside the window whose scores are below the threshold.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let exposed = protection.exposed(of: cache.length)
    cache.forEachLane { lane in
      let (positions, scores) = (lane.positions, lane.column(0))
      var rows: [Int] = []
      for row in 0..<lane.count
      where scores[row] < threshold && exposed.contains(positions[row]) { rows.append(row) }
      plan.drop(rows, of: lane.id)
    }
  }
}

/// For each layer a network that says from a token's hidden state how much its row will matter in
/// each key head.
struct WorthPredictor: Sendable {
  /// The kind of artifact that holds the networks.
  static let kind = "predictor"

  /// Elements of a hidden state.
  let width: Int
  /// By layer.
  private let networks: [TrainedNetwork]

  /// Reads the networks under their official names: a layer's only matrix is `layers.0.weight`, its
  /// matrices before and after the activation are `layers.0.0.weight` and `layers.0.2.weight`.
  init(_ artifact: Artifact, _ shape: CacheShape) throws(ArtifactError) {
    let isLinear = artifact.tensors["layers.0.weight"] != nil
    var (width, hidden): (Int?, Int?)
    func part(
      _ name: String, _ outputs: Int?, _ inputs: Int?
    ) throws(ArtifactError) -> (layer: DenseLayer, shape: [Int]) {
      let weights = try artifact.tensor(name + ".weight", shape: [outputs, inputs])
      let biases = try artifact.tensor(name + ".bias", shape: [weights.shape[0]])
      return (DenseLayer(weights.values, biases.values), weights.shape)
    }
    networks = try (0..<shape.layers).map { layer throws(ArtifactError) in
      let name = "layers.\(layer)"
      let first = try part(isLinear ? name : name + ".0", isLinear ? shape.keyHeads : hidden, width)
      width = first.shape[1]
      guard !isLinear else { return TrainedNetwork(first: first.layer, second: nil) }
      hidden = first.shape[0]
      return TrainedNetwork(
        first: first.layer, second: try part(name + ".2", shape.keyHeads, hidden).layer)
    }
    self.width = width ?? 0
  }

  /// Bytes of the networks.
  var bytes: Int { networks.reduce(0) { $0 + $1.bytes } }

  /// The predicted scores of a token, one for each key head.
  func scores(_ input: Span<Float>, layer: Int) -> [Float] {
    networks[layer](input)
  }
}
