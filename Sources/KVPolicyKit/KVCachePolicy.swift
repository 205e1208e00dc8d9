/// A rule for what a key-value cache keeps.
///
/// A policy has three hooks. ``prefill(_:)`` and ``step(_:)`` look at what the engine lends them
/// and may update the policy's columns; ``evict(_:plan:)`` writes down which rows to forget. No
/// hook touches memory: the store checks the plan and carries out all of it or nothing.
///
/// The remaining requirements *declare* what the policy needs, so that the engine computes nothing
/// else. All of them have defaults; a policy declares only what differs.
///
/// Each sequence has one policy value, and forking a sequence copies the value. There is no reset.
public protocol KVCachePolicy: Sendable, SendableMetatype {
  /// The name in configurations, lower case: `"streamingllm"`.
  static var name: String { get }
  /// What the policy keeps, in one line for people.
  static var summary: String { get }
  /// Where the method was published.
  static var source: String { get }

  /// Reads the policy's settings, each with its default, and refuses impossible values. The
  /// settings know the cache's shape and the model, if there is one.
  init(_ settings: inout Settings) throws(PolicyError)

  /// The settings that spend a budget in rows, for comparing policies at equal size; nil if the
  /// policy takes no budget, so that tables say so. A budget in bytes becomes rows by
  /// ``PolicyRegistry/settings(of:with:spending:in:)``, for which more rows must never need fewer
  /// bytes.
  ///
  /// - Throws: `PolicyError.impossible` if the policy cannot work with so small a budget.
  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]?

  /// The signals that the engine must compute and show. Default: none.
  var signals: Set<Signal> { get }
  /// Numbers attached to every row of a cache of this shape; they travel with the row. Default:
  /// none.
  func columns(for shape: CacheShape) -> [Column]
  /// When the engine calls ``evict(_:plan:)``. Default: after the prompt and after every step.
  var cadence: Cadence { get }
  /// At which position a key is rotated when it is read. Default: its original position.
  var positions: PositionRule { get }
  /// When in a decode step to evict: before ``step(_:)``, between ``step(_:)`` and the attention
  /// output, or after both. Default: after both.
  var phase: Phase { get }
  /// Which lanes one call of ``evict(_:plan:)`` decides about together. Default: the lanes of one
  /// layer.
  var scope: Scope { get }
  /// Rows that are scored and never stored. Default: none.
  var probe: Probe? { get }
  /// Rows that no plan of the policy forgets. Default: none.
  var protection: Protection { get }
  /// Bytes of state outside the columns, for the statistics. Default: 0.
  var stateBytes: Int { get }

  /// Looks at one layer after its attention has processed a chunk of the prompt.
  ///
  /// Called for every layer and chunk, in order; `layer.moment` tells whether the prompt ends here.
  mutating func prefill(_ layer: borrowing LayerView)

  /// Looks at one layer during a decode step, when the new token's attention is known. Not called
  /// at steps that the cadence's `looks` leaves out.
  mutating func step(_ layer: borrowing LayerView)

  /// Writes into the plan what to forget. The plan arrives empty; if it stays empty, all rows stay.
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan)
}

extension KVCachePolicy {
  /// No signal is needed.
  public var signals: Set<Signal> { [] }
  /// No numbers are attached to rows.
  public func columns(for shape: CacheShape) -> [Column] { [] }
  /// Asked after the prompt and after every step.
  public var cadence: Cadence { Cadence(prompt: .atEnd, every: 1) }
  /// Keys keep their original positions.
  public var positions: PositionRule { .original }
  /// The output of a step still uses what that step evicts.
  public var phase: Phase { .afterOutput }
  /// Each layer decides for itself.
  public var scope: Scope { .layer }
  /// No probe is read.
  public var probe: Probe? { nil }
  /// No row is protected.
  public var protection: Protection { Protection() }
  /// No state outside the columns.
  public var stateBytes: Int { 0 }
  /// Does nothing.
  public mutating func prefill(_ layer: borrowing LayerView) {}
  /// Does nothing.
  public mutating func step(_ layer: borrowing LayerView) {}

  /// Makes the policy from settings, refusing unknown names.
  ///
  /// `try H2O(["heavy": 4, "recent": 8])`
  public init(
    _ values: [String: JSONValue], shape: CacheShape? = nil, model: ModelIdentity? = nil,
    parts: PartRegistry = PartRegistry(), artifacts: (any ArtifactSource)? = nil
  ) throws(PolicyError) {
    var settings = Settings(
      policy: Self.name, values: values, shape: shape, model: model, parts: parts,
      artifacts: artifacts)
    try self.init(&settings)
    try settings.refuseUnknown()
    if shape == nil, let entry = settings.entries.first(where: { $0.artifactKind != nil }) {
      throw settings.impossible(
        "'\(entry.name)' must fit a cache; make the policy with the shape of one")
    }
  }
}
