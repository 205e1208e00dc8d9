import KVPolicyKit

/// Drops the channels of a prompt's keys that matter least to its last queries.
///
/// Xu et al., "ThinK: Thinner Key Cache by Query-Driven Pruning", ICLR 2025;
/// SalesforceAIResearch/ThinK.
public struct ThinK: NarrowingCodec {
  /// The name in configurations.
  public static let name = "think"
  /// What is stored.
  public static let summary = "stores fewer channels of the prompt's keys"
  /// Where the method was published.
  public static let source = "Xu et al., ICLR 2025; SalesforceAIResearch/ThinK"

  private enum When: String, CaseIterable {
    /// When the first prompt ends.
    case afterPrompt
  }

  /// Floats of the channels that stay, and whole values beside them.
  public let tiers = [Tier(keys: .floats, values: .floats)]
  private var choice: ChannelChoice
  private let recent: Int

  /// Reads the codec's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    choice = try ChannelChoice(&settings)
    recent = try settings.integer(
      "recent", default: 0, atLeast: 0, "last rows of the prompt whose keys keep all channels")
    _ = try settings.choice("when", default: When.afterPrompt, "when channels are dropped")
  }

  /// The queries of the prompt.
  public var signals: Set<Signal> { ChannelChoice.signals }
  /// Bytes of the queries noted.
  public var stateBytes: Int { choice.stateBytes }

  /// Notes the queries of a chunk.
  public mutating func prefill(_ layer: borrowing LayerView) { choice.note(layer) }

  /// Chooses the channels when the first prompt ends, and narrows its keys. Rows of later prompts
  /// and steps keep all channels.
  public mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan) {
    guard case .chunk = layer.moment else { return }
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      guard !lane.hasKeyMap else { continue }
      let rows = lane.plainKeys()
      plan.map(keys: choice.choose(lane, rows: rows), of: lane.id)
      plan.code(keys: rows.dropLast(recent), of: lane.id)
      plan.code(values: rows.dropLast(recent), of: lane.id)
    }
  }
}
