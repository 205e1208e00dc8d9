import KVPolicyKit

/// Keeps everything: the reference that every other policy is compared with.
public struct FullCache: KVCachePolicy {
  /// The name in configurations.
  public static let name = "full"
  /// What it keeps.
  public static let summary = "keeps every token: the reference for the others"
  /// Where it comes from.
  public static let source = "Vaswani et al., \"Attention Is All You Need\", 2017"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// Takes no budget: everything is kept.
  public static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  /// Never asked.
  public var cadence: Cadence { .never }

  /// Never called.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
