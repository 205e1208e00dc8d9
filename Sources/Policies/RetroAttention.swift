import KVPolicyKit

/// Reads the pages whose keys may match the query best, as Quest, and lets the tokens decoded just
/// before read them too: their outputs, and their keys and values in later layers, are corrected.
///
/// "Retrospective Sparse Attention for Efficient Long-Context Generation", 2025 (arXiv 2508.09001).
/// No code was published.
public struct RetroAttention: RevisingPolicy {
  /// The name in configurations.
  public static let name = "retroattention"
  /// What is read.
  public static let summary = "reads pages as Quest, and corrects past tokens by them"
  /// Where the method was published.
  public static let source = "arXiv 2508.09001, 2025"

  /// Quest.
  public let reader: any RowReader
  /// The window.
  public let revision: Revision

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    let page = try settings.integer(
      "page", default: 16, atLeast: 1, atMost: 1 << 20, "positions of a page")
    let pages = try settings.integer(
      "pages", default: 64, atLeast: 1, atMost: 1 << 20,
      "pages that a query reads, the newest included")
    let window = try settings.integer(
      "window", default: 2, atLeast: 1, atMost: Revision.longestWindow,
      "tokens computed in a step: the new one, and past ones to correct")
    let pastQuery = try settings.choice(
      "pastQuery", default: Revision.PastQuery.recomputed,
      "the query with which a past token reads")
    let full = try settings.integer(
      "fullLayers", default: 0, atLeast: 0, "first layers that read everything")
    reader = Quest(pages: pages, of: page, denseLayers: full)
    revision = Revision(window: window, pastQuery: pastQuery)
  }

  /// Pages of 16 positions, or of the whole budget if it is less.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows
    return ["page": .integer(min(16, rows)), "pages": .integer(max(1, rows / 16))]
  }

  /// Never asked.
  public var cadence: Cadence { .never }

  /// Never called.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
