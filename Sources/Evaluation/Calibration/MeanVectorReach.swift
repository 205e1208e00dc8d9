import KVPolicyKit
import ReferenceModel

/// How far back each key head looks if its queries and keys are the means of a text's, turned at
/// successive positions.
///
/// Behaviour of NVIDIA/kvpress, `duo_attention_on_the_fly`: a pass over the text in place of a pass
/// for every head.
struct MeanVectorReach {
  /// Positions that the last query looks back over.
  private static let positions = 500

  let model: LlamaModel
  let text: [Int]
  let textName: String

  /// For each key head the mean over its query heads of the distance that the last query attends
  /// over, its own position included, as a share of all positions.
  func run(_ progress: (RunProgress) -> Void) throws -> Calibration.Result {
    let shape = model.shape
    let pass = TextPass(model: model, text: text, label: "mean query", run: 0, runs: 1)
    let session = try pass.read(MeanVectors(), format: .f32, progress)
    let means = session.sequence.policy(ofLayer: 0) as? MeanVectors
    let positions = MeanVectorReach.positions
    return Calibration.Result(
      kind: "head-profile",
      recipe: "mean distance at which the mean query attends to the mean key over \(positions) "
        + "positions, as a share of them, from \(text.count) tokens of \(textName)",
      tensors: [
        Artifact.table: Tensor(
          shape: [shape.layers, shape.keyHeads],
          values: (0..<shape.lanes).map { means?.reach(of: $0, over: positions) ?? 0 })
      ])
  }
}

/// Adds up the un-rotated queries and keys of a text, and forgets nothing.
private struct MeanVectors: KVCachePolicy {
  static let name = "meanvectors"
  static let summary = "adds up queries and keys"
  static let source = "this project"

  private var rotation: Rotation?
  private var tokens = 0
  /// By layer and key head, the sums of the keys and of the queries of each query head.
  private var sums: [[[Float]]] = []

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { [.queries(.raw)] }
  var cadence: Cadence { Cadence(prompt: .never, every: 0) }

  mutating func prefill(_ layer: borrowing LayerView) {
    let (shape, first) = (layer.shape, layer.layer * layer.shape.keyHeads)
    let none = [Float](repeating: 0, count: shape.headDimension)
    if first == sums.count {
      let lane = Array(repeating: none, count: 1 + shape.group)
      sums += Array(repeating: lane, count: shape.keyHeads)
    }
    tokens = layer.length.tokens
    for head in 0..<shape.keyHeads {
      let lane = layer.lane(head)
      rotation = lane.rotation
      let chunk = Array(lane.rowsByPosition().suffix(lane.queryCount))
      lane.forEachKey(of: chunk, .raw) { _, key in
        for element in key.indices { sums[first + head][0][element] += key[element] }
      }
      for query in 0..<shape.group {
        for token in 0..<lane.queryCount {
          let vector = lane.query(token, head: query, .raw)
          for element in vector.indices {
            sums[first + head][1 + query][element] += vector[element]
          }
        }
      }
    }
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}

  /// The mean over a lane's query heads of the distance to the keys that the last query attends to,
  /// as a share of all positions.
  func reach(of lane: Int, over positions: Int) -> Float {
    func turned(_ sum: [Float], _ position: Int) -> [Float] {
      var mean = sum.map { $0 / Float(tokens) }
      var span = mean.mutableSpan
      rotation?.turn(&span, to: position)
      return mean
    }
    let keys = (0..<positions).map { turned(sums[lane][0], $0) }
    let shares = sums[lane].dropFirst().map { sum in
      let query = turned(sum, positions - 1)
      let logits = keys.map { query.span.dot($0.span) / Float(query.count).squareRoot() }
      return Softmax.over(logits.span).enumerated().reduce(Float(0)) { sum, weight in
        sum + weight.element * Float(positions - weight.offset) / Float(positions)
      }
    }
    return shares.reduce(0, +) / Float(shares.count)
  }
}
