import Foundation
import KVPolicyKit

/// Keeps the tokens of the greatest utility: a moving average of attention over layers and steps,
/// one for all lanes.
///
/// "What Matters for Aggressive Decoding-Time KV Eviction? Temporal Aggregation and Ranking
/// Preservation", 2026 (arXiv 2609.03515), from the paper's text: its code could not be had. Each
/// layer in turn updates the utility of every token by the attention of the newest query, so a step
/// weighs `alpha` to the power of the number of layers in the next one. The utility may be
/// refreshed at every n-th step only; eviction happens at every step.
public struct InertiaKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "inertiakv"
  /// What the policy keeps.
  public static let summary =
    "keeps what a moving average of attention prefers, one set for all lanes"
  /// Where the method was published.
  public static let source = "arXiv 2609.03515, 2026; from the paper's text"

  /// How the scores of layers and steps become one utility.
  public enum Aggregate: String, CaseIterable, Sendable {
    /// A moving average.
    case ema
    /// The sum.
    case sum
    /// The latest score.
    case last
  }

  /// What a layer says of a token.
  public enum Score: String, CaseIterable, Sendable {
    /// The attention of the newest query, the mean over all query heads.
    case attention
    /// Attention times the norm of the value, relative to the mean norm of the lane.
    case valueNorm
    /// Attention times its entropy relative to the greatest.
    case entropy
  }

  let capacity: Int
  let ratio: Double
  let alpha: Float
  let refreshEvery: Int
  let aggregate: Aggregate
  let score: Score
  /// Rows that a lane may keep; nil until the prompt has been read.
  private var limit: Int?
  /// The utility of each token, by position; that of a forgotten token means nothing.
  private var utility: [Float] = []
  /// The decode step that the utility is about.
  private var step = 0

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer(
      "capacity", default: 0, atLeast: 0, "tokens kept; 0 for a share of the prompt")
    ratio = try settings.number(
      "ratio", default: 0.5, in: 0...1, "share of the prompt's tokens that is not kept")
    alpha = Float(
      try settings.number("alpha", default: 0.8, in: 0...1, "weight of the utility before a layer"))
    refreshEvery = try settings.integer(
      "refreshEvery", default: 4, atLeast: 0, "steps from refresh to refresh; 0 for the first only")
    aggregate = try settings.choice(
      "aggregate", default: .ema, "how scores of layers and steps become one utility")
    score = try settings.choice("score", default: .attention, "what a layer says of a token")
    limit = capacity > 0 ? capacity : nil
  }

  /// The budget is the capacity.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["capacity": .integer(try budget.rows(atLeast: 1, for: name))]
  }

  /// The attention of the newest query.
  public var signals: Set<Signal> { [.stepProbabilities] }
  /// After every decode step; the prompt itself is never cut.
  public var cadence: Cadence { Cadence(prompt: .never, every: 1) }
  /// One set for all lanes.
  public var scope: Scope { .sequence }
  /// Bytes of the utilities.
  public var stateBytes: Int { utility.count * 4 }

  /// Notes the length of the prompt, of which a share is kept.
  public mutating func prefill(_ layer: borrowing LayerView) {
    guard capacity == 0 else { return }
    limit = max(1, Int((1 - ratio) * Double(layer.length.tokens)))
  }

  /// Updates the utilities by a layer's attention, if they are refreshed at this step.
  public mutating func step(_ layer: borrowing LayerView) {
    guard case .step(let index) = layer.moment else { return }
    let isRefreshed = refreshEvery == 0 ? index == 1 : (index - 1) % refreshEvery == 0
    if index != step {
      step = index
      enter(layer.lane(0), isRefreshed: isRefreshed)
    }
    guard isRefreshed else { return }
    let scores = scores(layer)
    let lane = layer.lane(0)
    let positions = lane.positions
    for row in 0..<positions.count {
      let position = Int(positions[row])
      switch aggregate {
      case .ema: utility[position] = alpha * utility[position] + (1 - alpha) * scores[position]
      case .sum: utility[position] += scores[position]
      case .last: utility[position] = scores[position]
      }
    }
  }

  /// Gives the newest token a utility: 0 if it is about to be scored, else the mean of the tokens
  /// that are there.
  private mutating func enter(_ lane: borrowing LaneView, isRefreshed: Bool) {
    let newest = lane.length.tokens - 1
    // Tokens of the prompt enter with it.
    while utility.count <= newest { utility.append(0) }
    guard !isRefreshed, lane.count > 1 else { return }
    let positions = lane.positions
    // In the order of positions, so that the sum does not depend on how rows are numbered.
    let sum = lane.rowsByPosition(outside: Protection(recent: 1)).reduce(Float(0)) {
      $0 + utility[Int(positions[$1])]
    }
    utility[newest] = sum / Float(lane.count - 1)
  }

  /// What a layer says of each token, by position.
  private func scores(_ layer: borrowing LayerView) -> [Float] {
    var scores = [Float](repeating: 0, count: layer.length.tokens)
    let share = 1 / Float(layer.shape.queryHeads)
    layer.forEachLane { lane in
      let positions = lane.positions
      let norms = score == .valueNorm ? relativeNorms(lane) : []
      for query in 0..<lane.group {
        let attention = lane.probabilities(query)
        for row in 0..<attention.count {
          scores[Int(positions[row])] += attention[row] * share * (norms.isEmpty ? 1 : norms[row])
        }
      }
    }
    guard score == .entropy else { return scores }
    let count = layer.lane(0).count
    let entropy = scores.reduce(Float(0)) { $1 > 0 ? $0 - $1 * log($1) : $0 }
    let weight = count > 1 ? entropy / log(Float(count)) : 0
    return scores.map { $0 * weight }
  }

  /// The norm of each row's value over the mean norm of the lane.
  private func relativeNorms(_ lane: borrowing LaneView) -> [Float] {
    let rows = lane.rowsByPosition()
    var (norms, sum) = ([Float](repeating: 0, count: rows.count), Float(0))
    lane.forEachValue(of: rows) { index, value in
      norms[rows[index]] = value.dot(value).squareRoot()
      sum += norms[rows[index]]
    }
    let mean = sum / Float(max(1, rows.count))
    return norms.map { mean > 0 ? $0 / mean : 0 }
  }

  /// Drops the tokens of the least utility, the same in every lane.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard let limit else { return }
    cache.forEachLane { lane in
      guard lane.count > limit else { return }
      let positions = lane.positions
      let scores = (0..<lane.count).map { utility[Int(positions[$0])] }
      plan.keepBest(limit, of: lane, by: scores.span)
    }
  }
}
