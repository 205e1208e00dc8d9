/// What each row of a lane is worth; rows of higher scores stay.
///
/// A score composes with every budget, unit, protection and cadence: `{"policy": "composed",
/// "score": "keydiff", …}`. As a ``ScoredPolicy`` it is a policy of its own name.
public protocol RowScore: PolicyPart {
  /// Where the score was published.
  static var source: String { get }

  /// The signals that the score needs. Default: none.
  var signals: Set<Signal> { get }
  /// Rows that the score reads and that are never stored. Default: none.
  var probe: Probe? { get }
  /// Whether the score is about one chunk of a prompt at a time, so that it needs a decision after
  /// every chunk. Default: no.
  var judgesChunks: Bool { get }
  /// Numbers attached to every row. Default: none.
  func columns(for shape: CacheShape) -> [Column]
  /// Whether the score looks at the prompt's queries, so that it says nothing while decoding.
  /// Default: no.
  var judgesPromptOnly: Bool { get }
  /// Whether a score can be negative, so that it cannot be multiplied by a length without turning
  /// the order round. Default: no.
  var mayBeNegative: Bool { get }
  /// The settings beside the capacity that fit a capacity of this many rows, for comparing policies
  /// at equal size. Default: none.
  ///
  /// - Throws: `PolicyError.impossible` if the score cannot work with so few rows.
  static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue]
  /// Rows that the score cannot judge and that therefore stay. Default: none.
  var protection: Protection { get }
  /// At which decode steps the score looks. Default: only at those where rows are forgotten; a
  /// score that accumulates looks always.
  var looks: Cadence.Looks { get }
  /// Bytes of state outside the columns. Default: 0.
  var stateBytes: Int { get }

  /// Looks at a layer after a chunk of the prompt, as ``KVCachePolicy/prefill(_:)``. Default:
  /// nothing.
  mutating func prefill(_ layer: borrowing LayerView)
  /// Looks at a layer during a decode step, as ``KVCachePolicy/step(_:)``. Default: nothing.
  mutating func step(_ layer: borrowing LayerView)

  /// The scores of some rows of a lane, one for each of `rows` and in their order.
  ///
  /// - Parameters:
  ///   - lane: the lane, with the declared signals.
  ///   - rows: the rows to score, which are not protected, in ascending position.
  func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float]
}

extension RowScore {
  /// No signal is needed.
  public var signals: Set<Signal> { [] }
  /// No probe is read.
  public var probe: Probe? { nil }
  /// Rows of any chunks can be judged together.
  public var judgesChunks: Bool { false }
  /// No numbers are attached to rows.
  public func columns(for shape: CacheShape) -> [Column] { [] }
  /// Rows can be judged at any time.
  public var judgesPromptOnly: Bool { false }
  /// Scores are at least 0.
  public var mayBeNegative: Bool { false }
  /// The capacity says all.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    _ = try Amount.rows(rows).rows(atLeast: 1, for: name)
    return [:]
  }
  /// Looks only where rows are forgotten.
  public var looks: Cadence.Looks { .whenAsked }
  /// Every row can be judged.
  public var protection: Protection { Protection() }
  /// No state outside the columns.
  public var stateBytes: Int { 0 }
  /// Does nothing.
  public mutating func prefill(_ layer: borrowing LayerView) {}
  /// Does nothing.
  public mutating func step(_ layer: borrowing LayerView) {}
}

/// Later rows are worth more: what remains is the last tokens, and the first if they are protected.
public struct RecencyScore: RowScore {
  /// The name in configurations.
  public static let name = "recency"
  /// What the score prefers.
  public static let summary = "prefers the latest tokens"
  /// Where the score was published.
  public static let source = "a sliding window; with protected sinks, Xiao et al., ICLR 2024"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// The rank of each row by age.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    rows.indices.map { Float($0) }
  }
}
