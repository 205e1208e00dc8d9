import KVPolicyKit

/// Keeps a random choice: the control that any idea must beat.
///
/// Each token of each lane has one random number, drawn from the seed, the lane and the token's
/// position; the tokens with the largest numbers stay. So the choice does not depend on when it is
/// made.
public struct RandomEviction: KVCachePolicy {
  /// The name in configurations.
  public static let name = "random"
  /// What the policy keeps.
  public static let summary = "keeps tokens drawn by lot: the control"
  /// The published counterpart.
  public static let source = "a control; as NVIDIA/kvpress RandomPress"

  let capacity: Int
  let recent: Int
  let seed: Int
  let when: Timing

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 1, "tokens kept")
    recent = try settings.integer(
      "recent", default: 0, atLeast: 0, "of those, most recent tokens that always stay")
    seed = try settings.integer("seed", default: 0, atLeast: 0, "chooses the draw")
    when = try settings.choice("when", default: .everyStep, "when to forget")
    guard recent <= capacity else {
      throw settings.impossible("recent (\(recent)) cannot exceed capacity (\(capacity))")
    }
  }

  /// The budget is the capacity.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["capacity": .integer(try budget.rows(atLeast: 1, for: name))]
  }

  /// As the setting `when` says.
  public var cadence: Cadence { when.cadence }

  /// The most recent tokens.
  public var protection: Protection { Protection(recent: recent) }

  /// Drops the tokens with the smallest numbers among the tokens before the recent ones.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      guard lane.count > capacity else { return }
      let positions = lane.positions
      let draws = (0..<lane.count).map { draw(lane.id, Int(positions[$0])) }
      plan.keepBest(capacity - recent, of: lane, by: draws.span, protecting: protection)
    }
  }

  /// A number in [0, 1) from the seed, the lane and the position.
  private func draw(_ lane: LaneID, _ position: Int) -> Float {
    let bits = SplitMix64.bits(seed: UInt64(seed), at: [lane.layer, lane.head, position])
    return Float(bits >> 40) / Float(1 << 24)
  }
}
