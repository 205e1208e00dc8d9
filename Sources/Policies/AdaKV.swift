import KVPolicyKit

/// SnapKV whose heads compete for the rows of their layer.
///
/// Feng et al., "Ada-KV", 2024; both rules of the published codes, FFY0/AdaKV and NVIDIA/kvpress.
public struct AdaKV: WindowPolicy {
  /// The name in configurations.
  public static let name = "adakv"
  /// What the policy keeps.
  public static let summary = "SnapKV whose heads compete for the rows of their layer"
  /// Where the method was published.
  public static let source = "Feng et al., 2024; FFY0/AdaKV, NVIDIA/kvpress"

  /// The window's votes and the competition.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition(score: WindowScore.averaged, budget: AdaptiveBudget.init)
  }
}

/// The heads of a layer compete: rows of the highest scores stay, whatever their head.
public struct AdaptiveBudget: RowBudget {
  /// The name in configurations.
  public static let name = "adaptive"
  /// What the part does.
  public static let summary = "the best rows of a layer, whatever their head"

  /// How heads are guaranteed their part.
  public enum Rule: String, CaseIterable, Sendable {
    /// Each head keeps its best `floor` of the capacity; the rest goes to the best rows of all
    /// heads (NVIDIA/kvpress).
    case protectThenGlobal
    /// The best rows of all heads are counted by head, and the counts are moved towards the mean by
    /// the share `floor` (FFY0/AdaKV).
    case globalThenFloor
  }

  let floor: Double
  let rule: Rule
  let normalise: Bool

  /// Reads the part's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    floor = try settings.number(
      "floor", default: 0.2, in: 0...1, "share that every head is sure of")
    rule = try settings.choice(
      "rule", default: .protectThenGlobal, "how heads are sure of their share")
    normalise = try settings.flag(
      "normalise", default: false,
      "whether a head's scores count by the share of their sum that its best rows have")
  }

  /// Scores are multiplied by a share if they are normalised.
  public var multiplies: String? { normalise ? "normalise" : nil }

  /// The counts by head of the best rows.
  public func shares(_ request: borrowing BudgetRequest) -> [Int] {
    let mean = request.capacity - request.protected
    let lanes = normalise ? request.lanes.map { Self.normalised($0, mean) } : request.lanes
    switch rule {
    case .protectThenGlobal:
      let sure = Int(floor * Double(request.capacity))
      let ranked = lanes.map { lane in
        var lane = lane
        for index in lane.best(sure) { lane.scores[index] = .infinity }
        return lane
      }
      return Candidates.counts(ofBest: request.capacity * lanes.count, of: ranked)
    case .globalThenFloor:
      let open = lanes.reduce(0) { $0 + $1.protected }
      let counts = Candidates.counts(ofBest: mean * lanes.count + open, of: lanes)
      let sure = Double(Int(floor * Double(mean)))
      return zip(lanes, counts).map { lane, count in
        let chosen = Double(count - lane.protected) * (1 - floor) + sure
        return lane.protected + Int(chosen.rounded(.toNearestOrEven))
      }
    }
  }

  /// A lane whose scores are multiplied by the share of their sum that the `count` highest have.
  private static func normalised(_ lane: Candidates, _ count: Int) -> Candidates {
    let open = lane.scores.indices.filter { lane.scores[$0].isFinite }
    let ranked = open.map { Double(lane.scores[$0]) }.sorted(by: >)
    let (best, all) = (ranked.prefix(max(0, count)).reduce(0, +), ranked.reduce(0, +))
    var lane = lane
    for index in open where all > 0 { lane.scores[index] *= Float(best / all) }
    return lane
  }
}
