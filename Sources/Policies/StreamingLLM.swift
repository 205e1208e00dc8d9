import KVPolicyKit

/// Keeps the first tokens, which attract attention whatever they say, and the most recent tokens.
///
/// Xiao et al., "Efficient Streaming Language Models with Attention Sinks", ICLR 2024; settings as
/// in mit-han-lab/streaming-llm. The official code rotates keys at their rank in the cache
/// (`positions: compacted`); most ports keep the original positions.
public struct StreamingLLM: KVCachePolicy {
  /// The name in configurations.
  public static let name = "streamingllm"
  /// What the policy keeps.
  public static let summary = "keeps the first tokens and the most recent ones"
  /// Where the method was published.
  public static let source = "Xiao et al., ICLR 2024; mit-han-lab/streaming-llm"

  let sinks: Int
  let recent: Int
  let keyPositions: KeyPositions
  let when: Timing

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    sinks = try settings.integer(
      "sinks", default: 4, atLeast: 0, "first tokens that are never forgotten")
    recent = try settings.integer(
      "recent", default: 2000, atLeast: 1, "most recent tokens that are kept")
    keyPositions = try settings.choice(
      "positions", default: .compacted, "rotate keys at their rank in the cache, or in the text")
    when = try settings.choice("when", default: .everyStep, "when to forget")
  }

  /// Four sinks; the rest of the budget for recent tokens.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows
    guard rows > 4 else {
      throw .impossible(policy: name, reason: "a budget of \(rows) has no room beside 4 sinks")
    }
    return ["sinks": 4, "recent": .number(Double(rows - 4))]
  }

  /// As the setting `when` says.
  public var cadence: Cadence { when.cadence }
  /// As the setting `positions` says.
  public var positions: PositionRule { keyPositions.rule }

  /// The first and the most recent tokens.
  public var protection: Protection { Protection(sinks: sinks, recent: recent) }

  /// Drops every token that is neither a sink nor recent.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { plan.keepProtected(protection, of: $0) }
  }
}
