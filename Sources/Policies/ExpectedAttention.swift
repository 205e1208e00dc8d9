import KVPolicyKit

/// Keeps what future queries are expected to attend to, if they are distributed as the prompt's.
///
/// Devoto et al., "Expected Attention: KV Cache Compression by Estimating Attention from Future
/// Queries Distribution", 2025; behaviour of NVIDIA/kvpress `ExpectedAttentionPress`.
public struct ExpectedAttention: RowScore {
  /// The name in configurations.
  public static let name = "expectedattention"
  /// What the score prefers.
  public static let summary = "keeps what future queries like the prompt's will attend to"
  /// Where the score was published.
  public static let source = "Devoto et al., 2025; NVIDIA/kvpress ExpectedAttentionPress"

  let futurePositions: Int
  let sinks: Int
  let usesValueNorm: Bool
  let epsilon: Float
  private var queries: QueryStatistics

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    futurePositions = try settings.futurePositions()
    sinks = try settings.integer(
      "sinks", default: 4, atLeast: 0, "first rows, which rank highest; their queries do not count")
    let usesCovariance = try settings.flag(
      "covariance", default: true, "whether the spread of the queries counts beside their mean")
    usesValueNorm = try settings.flag(
      "valueNorm", default: true, "whether scores are multiplied by the length of the value")
    epsilon = Float(
      try settings.number("epsilon", default: 0, in: 0...1, "added to a score before that product"))
    queries = QueryStatistics(sinks: sinks, scatter: usesCovariance)
  }

  /// The queries of the prompt, un-rotated.
  public var signals: Set<Signal> { [.queries(.raw)] }
  /// The means and covariances of the queries.
  public var stateBytes: Int { queries.bytes }

  /// Adds the chunk's queries to their means and covariances.
  public mutating func prefill(_ layer: borrowing LayerView) { queries.add(layer) }

  /// The expected attention of each row, times the length of its value.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    scores(of: rows, after: sinks) { rows in
      var scores = GroupReduction.mean(logits(lane, rows).map { Softmax.over($0.span) })
      guard usesValueNorm else { return scores }
      lane.forEachValue(of: rows) { index, value in
        scores[index] = (scores[index] + epsilon) * value.dot(value).squareRoot()
      }
      return scores
    }
  }

  /// For each query head and row, the logarithm of the expectation of `exp(q·k / √d)` for normally
  /// distributed queries: `μ·k / √d + kᵀ Σ k / 2d`.
  private func logits(_ lane: borrowing LaneView, _ rows: [Int]) -> [[Float]] {
    let rotation = lane.rotation
    let back = rotation?.mean(over: lane.nextPlace..<lane.nextPlace + futurePositions).map(\.back)
    let heads = (0..<lane.group).map { queries.head($0, of: lane) }
    var logits = heads.map { _ in [Float](repeating: 0, count: rows.count) }
    var turned: [Float] = []
    lane.forEachKey(of: rows, .atPosition) { index, key in
      // Turning the key back is turning the queries, by the mean of the future turns.
      turned = key.indices.map { key[$0] }
      var span = turned.mutableSpan
      if let rotation, let back { rotation.turn(&span, by: back) }
      let width = Float(key.count)
      for (head, queries) in heads.enumerated() {
        guard let queries else { continue }
        logits[head][index] = queries.mean.span.dot(turned.span) / width.squareRoot()
        if self.queries.hasScatter {
          logits[head][index] += queries.variance(along: turned.span) / (2 * width)
        }
      }
    }
    return logits
  }
}
