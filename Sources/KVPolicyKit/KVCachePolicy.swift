/// A rule for what a key-value cache keeps.
///
/// A policy has three hooks. ``prefill(_:)`` and ``step(_:)`` look at what the engine lends them
/// and may update the policy's columns; ``evict(_:plan:)`` writes down what to forget. None of them
/// touches memory: the store checks the plan and carries it out whole or not at all.
///
/// The other requirements *declare* what the policy wants, so that the engine computes that and
/// nothing else. All have defaults; a policy states only where it differs.
///
/// One value serves one sequence and is a value: forking a sequence copies it. There is no reset.
public protocol KVCachePolicy: Sendable, SendableMetatype {
  /// The name in configurations, lower case: `"streamingllm"`.
  static var name: String { get }
  /// One line for people: what it keeps.
  static var summary: String { get }
  /// Where the method was published.
  static var source: String { get }

  /// Reads its settings, each with its default, and refuses impossible ones. The settings know the
  /// shape of the cache and the model, if there is one.
  init(_ settings: inout Settings) throws(PolicyError)

  /// The settings that spend a budget, for comparing policies at equal size; nil if it takes none,
  /// so that tables say so.
  ///
  /// - Throws: `PolicyError.impossible` if so small a budget cannot work.
  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]?

  /// What the engine must compute and show. Default: nothing.
  var signals: Set<Signal> { get }
  /// Numbers attached to every row of a cache of this shape; they travel with it. Default: none.
  func columns(for shape: CacheShape) -> [Column]
  /// When ``evict(_:plan:)`` is asked. Default: after the prompt and after every step.
  var cadence: Cadence { get }
  /// At which position a key is rotated when it is read. Default: its original position.
  var positions: PositionRule { get }
  /// When in a decode step to evict: before or after ``step(_:)``, and the output. Default: after
  /// both.
  var phase: Phase { get }
  /// Which lanes one call of ``evict(_:plan:)`` decides about together. Default: the layer's.
  var scope: Scope { get }
  /// Rows that no plan of the policy forgets. Default: none.
  var protection: Protection { get }
  /// Bytes of state outside the columns, for the statistics. Default: 0.
  var stateBytes: Int { get }

  /// Looks at one layer after a chunk of the prompt went through its attention.
  ///
  /// Called for every layer and chunk, in order; `layer.moment` tells whether the prompt ends here.
  mutating func prefill(_ layer: borrowing LayerView)

  /// Looks at one layer during a decode step, when the attention weights of the new token are
  /// known. Not called at steps at which the cadence does not look.
  mutating func step(_ layer: borrowing LayerView)

  /// Says what to forget. The plan arrives empty; left empty, everything stays.
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan)
}

extension KVCachePolicy {
  /// Nothing needs to be computed.
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
  /// Nothing stays by itself.
  public var protection: Protection { Protection() }
  /// No state but the columns.
  public var stateBytes: Int { 0 }
  /// Nothing to look at.
  public mutating func prefill(_ layer: borrowing LayerView) {}
  /// Nothing to look at.
  public mutating func step(_ layer: borrowing LayerView) {}

  /// Makes the policy from settings, refusing those it does not know.
  ///
  /// `try H2O(["heavy": 4, "recent": 8])`
  public init(
    _ values: [String: JSONValue], shape: CacheShape? = nil, model: ModelIdentity? = nil
  ) throws(PolicyError) {
    var settings = Settings(policy: Self.name, values: values, shape: shape, model: model)
    try self.init(&settings)
    try settings.refuseUnknown()
  }
}
