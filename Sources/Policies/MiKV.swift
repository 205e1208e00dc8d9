import KVPolicyKit

/// Stores rows that receive little attention in fewer bits, instead of forgetting them.
///
/// Yang et al., "No Token Left Behind: Reliable KV Cache Compression via Importance-Aware Mixed
/// Precision Quantization", 2024. No code was published.
public struct MiKV: RowCodec {
  /// The name in configurations.
  public static let name = "mikv"
  /// What is stored.
  public static let summary = "stores rows that receive little attention in fewer bits"
  /// Where the method was published.
  public static let source = "Yang et al., 2024; arXiv 2402.18096"

  private enum Sum: String, CaseIterable { case sum }

  /// Codes of rows that receive little attention; then those of all other rows, if these are codes.
  public let tiers: [Tier]
  private let (highRatio, recentShare): (Double, Double)
  private let isBalanced: Bool
  /// By lane: the largest size of each channel of the prompt's queries.
  private var largest: [LaneID: [Float]] = [:]

  private static let (low, high) = (0, 1)

  /// Reads the codec's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    highRatio = try settings.number(
      "highRatio", default: 0.2, in: 0...1, "share of the rows that are stored well")
    recentShare = try settings.number(
      "recentShare", default: 0.5, in: 0...1, "share of these that are the newest rows")
    let highBits = try settings.optionalBits(
      "highBits", "bits of rows that are stored well; null: the store's")
    let lowBits = try settings.bits("lowBits", default: 2, "bits of all other rows")
    let group = try settings.groupSize("channels that share a scale")
    isBalanced = try settings.flag(
      "balancer", default: true, "whether large channels of keys are made smaller before coding")
    _ = try settings.choice("score", default: Sum.sum, "how attention is added up over queries")
    _ = try settings.choice("gqa", default: Sum.sum, "how attention is added up over a group")
    var formats = [CodeFormat(bits: lowBits, group: group, .ofRow)]
    if let highBits {
      formats.append(CodeFormat(bits: highBits, group: group, .ofRow))
    }
    tiers = formats.map { Tier(keys: $0, values: $0) }
  }

  /// The attention that every row receives, and the prompt's queries.
  public var signals: Set<Signal> {
    isBalanced
      ? [.promptColumnSums, .stepProbabilities, .queries(.atPosition)]
      : [.promptColumnSums, .stepProbabilities]
  }

  /// The attention received so far.
  public func columns(for shape: CacheShape) -> [Column] { [.ring("attention", width: 1)] }

  /// Bytes of the largest sizes.
  public var stateBytes: Int { largest.values.reduce(0) { $0 + 4 * $1.count } }

  /// Adds the attention of the chunk's queries, and notes their sizes.
  public mutating func prefill(_ layer: borrowing LayerView) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      for query in 0..<lane.group { add(lane.promptColumnSums(query), to: lane) }
      guard isBalanced, !lane.hasKeyMap else { continue }
      var sizes = largest[lane.id] ?? Array(repeating: 0, count: layer.shape.headDimension)
      for token in 0..<lane.queryCount {
        for query in 0..<lane.group {
          let elements = lane.query(token, head: query, .atPosition)
          for channel in sizes.indices {
            sizes[channel] = max(sizes[channel], abs(elements[channel]))
          }
        }
      }
      largest[lane.id] = sizes
    }
  }

  /// Adds the attention of the new token.
  public mutating func step(_ layer: borrowing LayerView) {
    layer.forEachLane { lane in
      for query in 0..<lane.group { add(lane.probabilities(query), to: lane) }
    }
  }

  private func add(_ attention: Span<Float>, to lane: borrowing LaneView) {
    var total = lane.mutableColumn(0)
    for row in 0..<total.count { total[row] += attention[row] }
  }

  /// Demotes the rows that received least attention, as long as too many rows are stored well.
  public mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      if isBalanced && !lane.hasKeyMap { plan.map(keys: balancer(lane), of: lane.id) }
      let (plain, demoted) = (lane.plainKeys(), demoted(lane))
      // A decoded row joins the rows that are stored well, even if it leaves them at once. A
      // prompt's row that does not stay is coded once.
      var joining = plain
      if case .chunk = layer.moment {
        let leaving = Set(demoted)
        joining.removeAll { leaving.contains($0) }
      }
      if tiers.count > 1 {
        plan.code(keys: joining, of: lane.id, tier: Self.high)
        plan.code(values: joining, of: lane.id, tier: Self.high)
      }
      plan.code(keys: demoted, of: lane.id, tier: Self.low)
      plan.code(values: demoted, of: lane.id, tier: Self.low)
    }
  }

  /// The rows to demote: of the rows that are stored well those with least attention, the newest of
  /// all rows last. Of equal rows the later one.
  private func demoted(_ lane: borrowing LaneView) -> [Int] {
    let rows = lane.rowsByPosition()
    let most = Int(highRatio * Double(rows.count))
    let newest = Int(recentShare * Double(most))
    let attention = lane.column(0)
    let high = rows.indices.filter { lane.keyTier(rows[$0]) != Self.low }
    let order = high.sorted { one, other in
      let (isNew, isOtherNew) = (one >= rows.count - newest, other >= rows.count - newest)
      if isNew != isOtherNew { return isOtherNew }
      let (mass, otherMass) = (attention[rows[one]], attention[rows[other]])
      return mass != otherMass ? mass < otherMass : one > other
    }
    return order.prefix(max(0, high.count - most)).map { rows[$0] }
  }

  /// Factors that give keys and queries channels of equal sizes; 1 for a channel that is 0
  /// throughout.
  private mutating func balancer(_ lane: borrowing LaneView) -> KeyMap {
    var keys = [Float](repeating: 0, count: lane.headDimension)
    lane.forEachKey(of: lane.plainKeys()) { _, key in
      for channel in key.indices { keys[channel] = max(keys[channel], abs(key[channel])) }
    }
    let queries = largest.removeValue(forKey: lane.id) ?? keys
    let factors = zip(queries, keys).map { query, key in
      let factor = (query / key).squareRoot()
      return factor.isNormal ? factor : 1
    }
    return KeyMap(channels: Array(keys.indices), factors: factors)
  }
}
