import KVPolicyKit

/// Keeps everything: the reference that every other policy is compared with.
public struct FullCache: KVCachePolicy {
  /// The name in configurations.
  public static let name = "full"
  /// What the policy keeps.
  public static let summary = "keeps every token: the reference for the others"
  /// Where full attention was published.
  public static let source = "Vaswani et al., \"Attention Is All You Need\", 2017"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// Takes no budget, because it keeps everything.
  public static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  /// Never asked.
  public var cadence: Cadence { .never }

  /// Never called.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
