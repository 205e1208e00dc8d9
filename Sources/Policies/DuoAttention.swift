import KVPolicyKit

/// Keeps every token in some heads, and the first and the latest tokens in the others.
///
/// Xiao et al., "DuoAttention: Efficient Long-Context LLM Inference with Retrieval and Streaming
/// Heads", ICLR 2025; behaviour of mit-han-lab/duo-attention. Training finds the heads that must
/// see everything, and a table holds the result.
public struct DuoAttention: HeadProfilePolicy {
  /// The name in configurations.
  public static let name = "duoattention"
  /// What the policy keeps.
  public static let summary = "keeps everything in some heads, first and latest tokens in others"
  /// Where the method was published.
  public static let source = "Xiao et al., ICLR 2025; mit-han-lab/duo-attention"

  /// The heads, and what streaming heads keep.
  public let streaming: StreamingHeads

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    streaming = try StreamingHeads(&settings, sinks: 64, recent: 256)
  }
}

/// DuoAttention's cache with heads found by PruLong's training.
///
/// Bhaskar et al., "Cache Me If You Can: How Many KVs Do You Need for Effective Long-Context
/// LMs?", 2025; behaviour of princeton-pli/PruLong. The table has 0 and 1, trained for
/// one sparsity.
public struct PruLong: HeadProfilePolicy {
  /// The name in configurations.
  public static let name = "prulong"
  /// What the policy keeps.
  public static let summary = "as duoattention, with heads found by next-token training"
  /// Where the method was published.
  public static let source = "Bhaskar et al., 2025 (arXiv 2506.17121); princeton-pli/PruLong"

  /// The heads, and what streaming heads keep.
  public let streaming: StreamingHeads

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    streaming = try StreamingHeads(&settings, sinks: 128, recent: 1024)
  }
}

/// A policy in which some heads keep every token and the others stream.
public protocol HeadProfilePolicy: KVCachePolicy {
  /// The heads, and what streaming heads keep.
  var streaming: StreamingHeads { get }
}

/// Which heads stream, and what those keep.
public struct StreamingHeads: Sendable {
  let profile: HeadProfile
  let kept: Protection

  private enum FirstChunk: String, CaseIterable { case dense }

  init(
    _ settings: inout Settings, sinks: Int, recent: Int
  ) throws(PolicyError) {
    profile = try HeadProfile(&settings)
    kept = Protection(
      sinks: try settings.integer(
        "sinks", default: sinks, atLeast: 0, "first tokens that streaming heads keep"),
      recent: try settings.integer(
        "recent", default: recent, atLeast: 1, "most recent tokens that streaming heads keep"))
    _ = try settings.choice(
      "firstChunk", default: FirstChunk.dense, "what streaming heads see of the first chunk")
  }
}

extension HeadProfilePolicy {
  /// The policy takes no budget: full heads keep everything.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? { nil }

  /// After every chunk of the prompt and after every step.
  public var cadence: Cadence { Cadence(prompt: .everyChunk, every: 1, looks: .whenAsked) }
  /// What streaming heads keep.
  public var protection: Protection { streaming.kept }

  /// Drops from streaming heads all but the first and the latest tokens.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      guard !streaming.profile.isFull[lane.id.layer][lane.id.head] else { return }
      plan.keepProtected(streaming.kept, of: lane)
    }
  }
}
