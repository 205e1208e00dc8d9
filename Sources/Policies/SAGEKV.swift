import KVPolicyKit

/// Keeps the first tokens, what the last token of the prompt attends to most, and a window that
/// slides.
///
/// Wang et al., "LLMs Know What to Drop: Self-Attention Guided KV Cache Eviction", 2025. No
/// official code exists. The selected tokens are pinned: the window slides on while they stay. A
/// prompt that fits selects nothing, and the first and the newest tokens stay from then on.
public struct SAGEKV: KVCachePolicy {
  /// The name in configurations.
  public static let name = "sagekv"
  /// What the policy keeps.
  public static let summary = "keeps what the prompt's last token attends to, and a sliding window"
  /// Where the method was published.
  public static let source = "Wang et al., 2025 (arXiv 2503.08879)"

  let sinks: Int
  let topK: Int
  let recent: Int
  let recentGrows: Bool
  let fullLayers: Int
  let reduction: GroupReduction

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    sinks = try settings.integer("sinks", default: 4, atLeast: 0, "first tokens, which stay")
    topK = try settings.integer(
      "topK", default: 512, atLeast: 1, "tokens chosen by the attention of the prompt's last token")
    recent = try settings.integer("recent", default: 508, atLeast: 1, "most recent tokens kept")
    recentGrows = try settings.flag(
      "recentGrows", default: false, "whether all generated tokens stay")
    fullLayers = try settings.integer(
      "fullLayers", default: 0, atLeast: 0, "first layers that keep everything")
    reduction = try settings.choice(
      "gqa", default: .sum, "how the query heads of a group become one score")
  }

  /// An eighth of the budget for the first tokens, at most four; half of the rest is chosen.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 2, for: name)
    let sinks = min(4, rows / 8)
    let recent = (rows - sinks) / 2
    return [
      "sinks": .integer(sinks), "topK": .integer(rows - sinks - recent), "recent": .integer(recent),
    ]
  }

  /// The attention of the prompt's last token.
  public var signals: Set<Signal> { [.promptRows(1)] }
  /// Whether a row was chosen.
  public func columns(for shape: CacheShape) -> [Column] {
    [.ring("pinned", width: 1, of: .byte)]
  }
  /// After the prompt, and after every step unless the window grows.
  public var cadence: Cadence {
    Cadence(prompt: .atEnd, every: recentGrows ? 0 : 1, looks: .whenAsked)
  }
  /// The first tokens and the window.
  public var protection: Protection { Protection(sinks: sinks, recent: recent) }

  /// Chooses when the prompt ends, and lets the window slide in each step.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let moment = cache.moment
    cache.forEachLane { lane in
      guard lane.id.layer >= fullLayers else { return }
      if case .chunk = moment { pin(lane) }
      let pinned = lane.bytes(0)
      let hasChosen = (0..<pinned.count).contains { pinned[$0] != 0 }
      let window = Protection(sinks: sinks, recent: hasChosen ? recent : topK + recent)
      plan.drop(lane.rowsByPosition(outside: window).filter { pinned[$0] == 0 }, of: lane.id)
    }
  }

  /// Pins the rows that the last token attends to most, if not all rows fit.
  private func pin(_ lane: borrowing LaneView) {
    var pinned = lane.mutableBytes(0)
    for row in 0..<pinned.count { pinned[row] = 0 }
    guard lane.count > sinks + topK + recent else { return }
    var attention: [[Float]] = []
    lane.forEachPromptRow { row in
      for head in 0..<lane.group { attention.append(Softmax.over(row.logits(head))) }
    }
    let chosen = Selection.largest(
      topK, of: lane.rowsByPosition(outside: protection), by: reduction(attention),
      positions: lane.positions)
    for row in chosen { pinned[row] = 1 }
  }
}
