import KVPolicyKit

/// Keeps what trained vectors after the prompt attend to, chosen once when the prompt ends.
///
/// "Judge Q", 2025 (arXiv 2509.10798); no official code exists. The vectors take the place of token
/// embeddings behind the prompt. They are trained so that their attention is the attention of the
/// answer that the model would give. They are never stored, and the generated tokens take their
/// positions.
public struct JudgeQ: RowScore {
  /// The name in configurations.
  public static let name = "judgeq"
  /// What the score prefers.
  public static let summary = "prefers what trained vectors after the prompt attend to"
  /// Where the score was published.
  public static let source = "Judge Q, 2025 (arXiv 2509.10798)"

  /// The vectors, `count × hidden`; nil where only the settings are asked for.
  private let vectors: Tensor?
  private let recent: Int
  private let kernel: Int
  private let pool: Pooling
  private let reduction: GroupReduction

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    vectors = try settings.artifact("softTokens", kind: "probe", "the trained vectors") {
      artifact, _ throws(ArtifactError) in
      try artifact.tensor("soft_tokens", shape: [nil, nil])
    }
    recent = try settings.integer(
      "recent", default: 0, atLeast: 0, "last prompt tokens, which stay")
    kernel = try settings.kernel(default: 5)
    pool = try settings.choice("pool", default: .average, "how votes are smoothed over neighbours")
    reduction = try settings.choice(
      "gqa", default: .mean, "how the query heads of a group become one score")
  }

  private var voters: Int { vectors?.shape.first ?? 0 }

  /// The attention logits of the vectors.
  public var signals: Set<Signal> { [.promptRows(voters)] }
  /// The vectors.
  public var probe: Probe? { vectors.map { .embeddings($0) } }
  /// The last prompt tokens.
  public var protection: Protection { Protection(recent: recent) }
  /// The vectors are read when the prompt ends.
  public var judgesPromptOnly: Bool { true }
  /// The vectors.
  public var stateBytes: Int { 4 * (vectors?.values.count ?? 0) }

  /// The votes of the vectors.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    // Rows that stay are neighbours too.
    let votes = WindowVotes.scores(
      lane, rows: lane.rowsByPosition(), kernel: kernel, pool: pool, reduction: reduction,
      poolFirst: false)
    return rows.map { votes[$0] }
  }
}
