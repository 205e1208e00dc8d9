import KVPolicyKit

/// Keeps the cache at a constant size: of the old tokens, those that the recent tokens attend to.
///
/// Ghadia et al., "Dialogue Without Limits: Constant-Sized KV Caches for Extended Responses in
/// LLMs", ICML 2025. Before each step's output is computed, the last `voters` queries vote, with
/// their attention over the older ("distant") tokens. The best `capacity − window` distant tokens
/// stay, beside the last `window` tokens and the current token: `capacity + 1` rows.
///
/// In the paper exactly the window's queries vote, and a vote is a float per voter and query head.
/// Here a vote is a byte that a group and a block of voters share (`BlockVotes`), so that many more
/// queries can vote than rows must stay. `"votes": "exact"` is the arithmetic of
/// ghadiaravi13/MorphKV (`ExactVotes`).
public struct MorphKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "morphkv"
  /// What the policy keeps.
  public static let summary = "keeps a constant number: what the recent tokens attend to, and those"
  /// Where the method was published.
  public static let source = "Ghadia et al., ICML 2025; ghadiaravi13/MorphKV"

  /// How votes are stored and counted.
  enum Votes: String, CaseIterable { case blocks, exact }
  /// How the votes about a row are joined.
  enum Fusion: String, CaseIterable { case sum, max }
  enum PrunePrompt: String, CaseIterable { case atFirstDecode, atPrefillEnd }

  let capacity: Int
  let window: Int
  let sinks: Int
  let prunePrompt: PrunePrompt
  let burst: Double
  /// The votes: exactly one of the two is set.
  private var blocks: BlockVotes?
  private var exact: ExactVotes?

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer(
      "capacity", default: 1024, atLeast: 2,
      "tokens kept beside the current one, the window included")
    window = try settings.rows(
      "window", share: "windowShare", of: capacity, default: .share(0.125), atLeast: 1,
      "recent tokens that always stay")
    let votes: Votes = try settings.choice(
      "votes", default: .blocks, "bytes shared by blocks of voters, or the official code's floats")
    let fusion: Fusion = try settings.choice(
      "fusion", default: votes == .blocks ? .max : .sum, "how the votes about a token are joined")
    sinks = try settings.integer(
      "sinks", default: 0, atLeast: 0, "first tokens that always stay, within the capacity")
    prunePrompt = try settings.choice(
      "prunePrompt", default: .atPrefillEnd, "when a prompt longer than the capacity is pruned")
    burst = try settings.number(
      "burst", default: 1, in: 1...64, "evict only when the cache has grown by this factor")
    let byBlocks = try BlockVotes(&settings, capacity: capacity, fusion: fusion)
    let exactly = try ExactVotes(
      &settings, window: window, fusion: fusion, isChosen: votes == .exact)
    if votes == .blocks { blocks = byBlocks } else { exact = exactly }
    guard capacity > window else {
      throw settings.impossible(
        "capacity (\(capacity)) must exceed window (\(window)), which always stays")
    }
    guard sinks <= capacity - window else {
      throw settings.impossible(
        "sinks (\(sinks)) must fit in capacity − window (\(capacity - window))")
    }
  }

  /// The budget is the capacity; all other settings keep their defaults.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 2, for: name)
    return ["capacity": .number(Double(rows))]
  }

  /// The signals that votes are computed from.
  public var signals: Set<Signal> { blocks?.signals ?? exact?.signals ?? [] }

  /// The votes about each row.
  public func columns(for shape: CacheShape) -> [Column] {
    [blocks?.column ?? exact?.column(for: shape)].compactMap { $0 }
  }

  /// Every step; at the prompt's end too if the prompt is pruned there.
  public var cadence: Cadence {
    Cadence(prompt: prunePrompt == .atPrefillEnd ? .atEnd : .never, every: 1)
  }
  /// Before the attention output, which is computed from the surviving rows.
  public var phase: Phase { exact?.phase ?? .beforeStep }
  /// The window and the sinks.
  public var protection: Protection { Protection(sinks: sinks, recent: window) }
  /// Bytes of scratch arrays and counters.
  public var stateBytes: Int { blocks?.bytes ?? exact?.bytes ?? 0 }

  /// Records the votes of the prompt's last queries.
  public mutating func prefill(_ layer: borrowing LayerView) {
    guard case .chunk(_, isLast: true) = layer.moment else { return }
    let horizon = Int32(layer.length.tokens - window)
    blocks?.prefill(layer, horizon: horizon)
    exact?.prefill(layer)
  }

  /// Records the new token's vote, which counts from the next step on.
  public mutating func step(_ layer: borrowing LayerView) {
    blocks?.step(layer, horizon: Int32(layer.length.tokens - window))
    exact?.step(layer)
  }

  /// Drops the distant tokens with the fewest votes, down to `capacity − window` of them.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    var stay = protection
    var trigger = capacity + 1
    if case .step = cache.moment {
      // The current token stays in addition to the window; it has not voted yet.
      stay.recent += 1
      trigger = max(capacity + 2, Int((Double(1 + capacity) * burst).rounded(.up)))
    }
    cache.forEachLane { lane in
      guard lane.count >= trigger else { return }
      blocks?.evict(lane, keeping: capacity - window - sinks, stay, plan: &plan)
      exact?.evict(lane, keeping: capacity - window - sinks, stay, cache.moment, plan: &plan)
    }
  }
}
