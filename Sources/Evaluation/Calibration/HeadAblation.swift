import KVPolicyKit
import ReferenceModel

/// How far the model's predictions move when a single key head streams: when it keeps only the
/// first and the latest tokens, while all other heads keep everything.
struct HeadAblation {
  /// The first tokens that the head keeps.
  private static let sinks = 4
  /// The latest tokens that the head keeps after each chunk.
  private static let recent = 64
  /// The longest text that fits a streaming head, which forgets nothing of it.
  static let window = sinks + recent

  let model: LlamaModel
  let text: [Int]
  let textName: String

  /// For each key head the mean divergence of the predictions from those of full attention, divided
  /// by the largest.
  func run(_ progress: (RunProgress) -> Void) throws -> Calibration.Result {
    let shape = model.shape
    var recorded = RecordedLogits(
      steps: text.count, vocabulary: model.configuration.vocabulary)
    try read(nil, run: 0, progress) { _, logits in recorded.append(logits) }
    var means: [Double] = []
    for index in 0..<shape.lanes {
      let lane = LaneID(layer: index / shape.keyHeads, head: index % shape.keyHeads)
      var sum = 0.0
      try read(lane, run: index + 1, progress) { token, logits in
        sum += recorded.withStep(token) { Distribution.divergence(from: $0, to: logits) }
      }
      means.append(sum / Double(text.count))
    }
    let largest = means.max() ?? 0
    return Calibration.Result(
      kind: "head-profile",
      recipe: "mean divergence of \(text.count) predictions of \(textName) from full attention "
        + "while one head alone keeps \(HeadAblation.sinks) first and \(HeadAblation.recent) "
        + "latest tokens after chunks of \(TextPass.chunk); over the largest, \(largest) nats",
      tensors: [
        Artifact.table: Tensor(
          shape: [shape.layers, shape.keyHeads],
          values: means.map { Float(largest > 0 ? $0 / largest : 0) })
      ])
  }

  /// Reads the text while one lane streams, or none, and shows the logits of every token.
  private func read(
    _ lane: LaneID?, run: Int, _ progress: (RunProgress) -> Void,
    _ show: (Int, Span<Float>) -> Void
  ) throws {
    let policy = OneLaneStreams(
      lane: lane, kept: Protection(sinks: HeadAblation.sinks, recent: HeadAblation.recent))
    let pass = TextPass(
      model: model, text: text,
      label: lane.map { "layer \($0.layer), head \($0.head)" } ?? "full attention", run: run,
      runs: model.shape.lanes + 1)
    _ = try pass.read(policy, progress, show)
  }
}

/// One lane keeps the first and the latest tokens, all others everything.
private struct OneLaneStreams: KVCachePolicy {
  static let name = "onelane"
  static let summary = "one lane keeps the first and the latest tokens"
  static let source = "this project"

  let lane: LaneID?
  let kept: Protection

  init(lane: LaneID?, kept: Protection) { (self.lane, self.kept) = (lane, kept) }

  init(_ settings: inout Settings) throws(PolicyError) { self.init(lane: nil, kept: Protection()) }

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var cadence: Cadence { Cadence(prompt: .everyChunk, every: 0) }
  var protection: Protection { kept }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard let lane, cache.layers.contains(lane.layer) else { return }
    plan.keepProtected(kept, of: cache.lane(layer: lane.layer, head: lane.head))
  }
}
