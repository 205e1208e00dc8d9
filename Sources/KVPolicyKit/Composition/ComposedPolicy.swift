/// A policy that is a composition of parts, and nothing else.
public protocol ComposedPolicy: KVCachePolicy {
  /// The parts.
  var composition: Composition { get set }
}

extension ComposedPolicy {
  /// The signals of the score.
  public var signals: Set<Signal> { composition.score.signals }
  /// The probe of the score.
  public var probe: Probe? { composition.score.probe }
  /// The columns of the score.
  public func columns(for shape: CacheShape) -> [Column] { composition.score.columns(for: shape) }
  /// When rows are forgotten.
  public var cadence: Cadence { composition.cadence }
  /// At which position a key is rotated when it is read.
  public var positions: PositionRule { composition.positions }
  /// Rows that always stay.
  public var protection: Protection { composition.protection }
  /// Bytes of the score's state.
  public var stateBytes: Int { composition.score.stateBytes }

  /// Shows the layer to the score.
  public mutating func prefill(_ layer: borrowing LayerView) { composition.prefill(layer) }
  /// Shows the layer to the score.
  public mutating func step(_ layer: borrowing LayerView) { composition.step(layer) }
  /// Drops the rows that budget and unit leave out.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    composition.evict(cache, plan: &plan)
  }
}

/// The policy of a score under the score's own name: `{"policy": "keydiff", "capacity": 256}` is
/// short for a composition with the score `keydiff`.
public struct ScoredPolicy<Score: RowScore>: ComposedPolicy {
  /// The score's name.
  public static var name: String { Score.name }
  /// What the score prefers.
  public static var summary: String { Score.summary }
  /// Where the score was published.
  public static var source: String { Score.source }

  /// The parts.
  public var composition: Composition

  /// Reads the score's settings and those of every composition.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition { settings throws(PolicyError) in
      try Score(&settings)
    }
  }

  /// The budget is the capacity, and the score says what else fits to it.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows
    return try Score.settings(rows: rows).merging(["capacity": .integer(rows)]) { $1 }
  }
}
