import KVPolicyKit

/// Keeps what the last tokens of the prompt attend to, chosen once when the prompt ends.
///
/// Li et al., "SnapKV: LLM Knows What You are Looking for Before Generation", NeurIPS 2024. The
/// last `window` queries vote on all earlier tokens; votes are pooled over neighbours. Each key
/// head keeps one set of tokens, whereas FasterDecoding/SnapKV caches every query head separately.
public struct SnapKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "snapkv"
  /// What the policy keeps.
  public static let summary = "keeps what the end of the prompt attends to; chosen once"
  /// Where the method was published.
  public static let source = "Li et al., NeurIPS 2024; FasterDecoding/SnapKV"

  /// Whether votes are pooled before or after the query heads of a group are reduced to one score.
  public enum PoolOrder: String, CaseIterable, Sendable {
    /// Pool each query head, then reduce (NVIDIA/kvpress).
    case poolThenGroup
    /// Reduce, then pool (KVCache-Factory).
    case groupThenPool
  }

  let capacity: Int
  let window: Int
  let kernel: Int
  let pool: Pooling
  let reduction: GroupReduction
  let poolOrder: PoolOrder
  let keyPositions: KeyPositions

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer(
      "capacity", default: 1024, atLeast: 2, "tokens kept, the window included")
    window = try settings.integer(
      "window", default: 32, atLeast: 1, "last prompt tokens: they vote, and always stay")
    kernel = try settings.integer("kernel", default: 7, atLeast: 1, "width of the pooling; odd")
    pool = try settings.choice("pool", default: .max, "how votes are smoothed over neighbours")
    reduction = try settings.choice(
      "gqa", default: .mean, "how the query heads of a group become one score")
    poolOrder = try settings.choice(
      "poolOrder", default: .poolThenGroup, "whether pooling comes before that reduction")
    keyPositions = try settings.choice(
      "positions", default: .original,
      "rotate keys at their index in the text, or rank in the cache")
    guard capacity > window else {
      throw settings.impossible(
        "capacity (\(capacity)) must exceed window (\(window)), which always stays")
    }
    guard kernel % 2 == 1 else { throw settings.impossible("kernel (\(kernel)) must be odd") }
  }

  /// The budget is the capacity; the window has 32 tokens, but at most a quarter of the budget.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = budget.rows
    guard rows >= 4 else {
      throw .impossible(policy: name, reason: "a budget of \(rows) is too small; use 4 or more")
    }
    return [
      "capacity": .number(Double(rows)), "window": .number(Double(min(32, max(1, rows / 4)))),
    ]
  }

  /// The attention logits of the window's queries.
  public var signals: Set<Signal> { [.promptRows(window)] }
  /// Once, when the prompt ends.
  public var cadence: Cadence { .afterPrompt }
  /// As the setting `positions` says.
  public var positions: PositionRule { keyPositions.rule }

  /// The window.
  public var protection: Protection { Protection(recent: window) }

  /// Keeps the window and the tokens with the most votes.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      guard lane.count > capacity else { return }
      let votes = WindowVotes.scores(
        lane, rows: lane.rowsByPosition(outside: protection), kernel: kernel, pool: pool,
        reduction: reduction, poolFirst: poolOrder == .poolThenGroup)
      plan.keepBest(capacity - window, of: lane, by: votes.span, protecting: protection)
    }
  }
}
