import KVPolicyKit

/// Keeps what the last tokens of the prompt attend to, chosen once when the prompt ends.
///
/// Li et al., "SnapKV: LLM Knows What You are Looking for Before Generation", NeurIPS 2024. The
/// last `window` queries vote on all earlier tokens; votes are pooled over neighbours. Each key
/// head keeps one set of tokens, whereas FasterDecoding/SnapKV caches every query head separately.
///
/// With `sparsity` it chooses in every chunk of the prompt (Bhaskar et al., "Cache Me If You Can",
/// 2025), by the last queries of the chunk or, `patched`, by the last queries of the whole prompt,
/// which are read after each chunk for this purpose.
public struct SnapKV: WindowPolicy {
  /// The name in configurations.
  public static let name = "snapkv"
  /// What the policy keeps.
  public static let summary = "keeps what the end of the prompt attends to; chosen once"
  /// Where the method was published.
  public static let source = WindowScore.source

  /// The window's votes, and the parts that the settings name.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition { settings throws(PolicyError) in
      try WindowScore(&settings)
    }
  }
}

/// A composition whose score is the votes of the prompt's last queries.
public protocol WindowPolicy: ComposedPolicy {}

extension WindowPolicy {
  /// The budget is the capacity: the mean over the lanes, which chunks meet to within a chunk. The
  /// window has 32 tokens, but at most a quarter of the budget.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    try WindowScore.settings(rows: budget.rows, of: name)
  }
}

/// How much the last queries of the prompt attend to each earlier token: SnapKV's score.
public struct WindowScore: RowScore {
  /// The name in configurations.
  public static let name = "window"
  /// What the score prefers.
  public static let summary = "prefers what the prompt's last queries attend to"
  /// Where the score was published.
  public static let source = "Li et al., NeurIPS 2024; FasterDecoding/SnapKV"

  /// Whether votes are pooled before or after the query heads of a group are reduced to one score.
  public enum PoolOrder: String, CaseIterable, Sendable {
    /// Pool each query head, then reduce (NVIDIA/kvpress).
    case poolThenGroup
    /// Reduce, then pool (KVCache-Factory).
    case groupThenPool
  }

  /// What a query's attention is shared among.
  public enum Normaliser: String, CaseIterable, Sendable {
    /// All rows that the query sees.
    case visible
    /// The rows of the prompt's latest chunk (princeton-pli/PruLong).
    case chunk
  }

  let window: Int
  let kernel: Int
  let pool: Pooling
  let reduction: GroupReduction
  let poolOrder: PoolOrder
  let normaliser: Normaliser
  let isPatched: Bool
  let place: Probe.Place
  /// The positions of the prompt's latest chunk.
  private var chunk = 0..<0

  /// Reads the score's settings with SnapKV's defaults.
  public init(_ settings: inout Settings) throws(PolicyError) {
    try self.init(&settings, kernel: 7, pool: .max, order: .poolThenGroup)
  }

  /// Reads the score's settings with the defaults of a policy that uses the score.
  init(
    _ settings: inout Settings, kernel standard: Int, pool smoothing: Pooling, order: PoolOrder
  ) throws(PolicyError) {
    window = try settings.integer(
      "window", default: 32, atLeast: 1, "last prompt tokens: they vote, and always stay")
    kernel = try settings.kernel(default: standard)
    pool = try settings.choice("pool", default: smoothing, "how votes are smoothed over neighbours")
    reduction = try settings.headSharing()
    poolOrder = try settings.choice(
      "poolOrder", default: order, "whether pooling comes before that reduction")
    normaliser = try settings.choice(
      "chunkNormaliser", default: .visible, "what a query's attention is shared among")
    isPatched = try settings.flag(
      "patched", default: false, "whether the prompt's last tokens vote in every chunk")
    place = try settings.choice(
      "patchPositions", default: .afterChunk, "the positions of those tokens then")
  }

  /// Reads the score's settings with the defaults of the policies that kvpress builds on SnapKV.
  static func averaged(_ settings: inout Settings) throws(PolicyError) -> WindowScore {
    try WindowScore(&settings, kernel: 5, pool: .average, order: .poolThenGroup)
  }

  /// The window has 32 tokens, but at most a quarter of the rows.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    try settings(rows: rows, of: name)
  }

  /// The capacity and the window of a policy that uses the score.
  static func settings(
    rows: Int, of policy: String
  ) throws(PolicyError) -> [String: JSONValue] {
    let rows = try Amount.rows(rows).rows(atLeast: 4, for: policy)
    return ["capacity": .integer(rows), "window": .integer(min(32, max(1, rows / 4)))]
  }

  /// The attention logits of the window's queries.
  public var signals: Set<Signal> { [.promptRows(window)] }
  /// Patched, the window of the prompt after every chunk.
  public var probe: Probe? { isPatched ? .promptTail(window, at: place) : nil }
  /// Whether chunks have windows or softmaxes of their own.
  public var judgesChunks: Bool { isPatched || normaliser == .chunk }
  /// The window, whose tokens saw too little of each other.
  public var protection: Protection { Protection(recent: window) }
  /// The queries are the prompt's.
  public var judgesPromptOnly: Bool { true }

  /// Notes the chunk.
  public mutating func prefill(_ layer: borrowing LayerView) {
    if case .chunk(let tokens, _) = layer.moment { chunk = tokens }
  }

  /// The votes of the window.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    let votes = WindowVotes.scores(
      lane, rows: rows, over: normaliser == .chunk ? chunk : nil, kernel: kernel, pool: pool,
      reduction: reduction, poolFirst: poolOrder == .poolThenGroup)
    return rows.map { votes[$0] }
  }
}
