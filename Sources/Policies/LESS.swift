import KVPolicyKit

/// Any policy that forgets, and beside it a small trained memory of what was forgotten.
///
/// Dong et al., "Get More with LESS: Synthesizing Recurrence with KV Cache Compression for
/// Efficient LLM Inference", ICML 2024; recurrent inference of hdong920/LESS.
public struct LESS: ResidualPolicy {
  /// The name in configurations.
  public static let name = "less"
  /// What the policy keeps.
  public static let summary = "another policy, and a small trained memory of what it forgets"
  /// Where the method was published.
  public static let source = "Dong et al., ICML 2024; hdong920/LESS"

  private var base: any KVCachePolicy
  /// The memory; nil where only the settings are asked for.
  public let residual: (any ResidualMemory)?

  /// Reads the policy's settings, among them those of the policy that forgets.
  public init(_ settings: inout Settings) throws(PolicyError) {
    base = try settings.base(
      "base", default: H2O.self, assuming: ["positions": "original"],
      "the policy that forgets; its settings stand beside this one")
    if base is any ReadingPolicy {
      throw settings.impossible(
        "\(type(of: base).name) forgets nothing; give it as \"read\" to a policy that does")
    }
    // The policy that forgets keeps its own settings of these names.
    let taken = settings.entries.map(\.name)
    var floor = 1e-6
    if !taken.contains("floor") {
      floor = try settings.number(
        "floor", default: floor, in: 0...1, "the least that the memory's weights can be")
    }
    if !taken.contains("gqa") {
      let _: GroupReduction = try settings.choice(
        "gqa", default: .mean, "changes nothing: this policy has no scores of query heads")
    }
    let features = try settings.integer(
      "kernelDim", default: 8, atLeast: 1, "features of a key, and of a query")
    let hidden = try settings.integer(
      "kernelHidden", default: 512, atLeast: 1, "hidden units of the networks that compute them")
    residual = try settings.artifact(
      "kernels", kind: KernelMemory.kind, "the networks of each layer and head"
    ) { artifact, shape throws(ArtifactError) in
      try KernelMemory(
        artifact, shape, features: features, hidden: hidden, floor: Float(floor))
    }
  }

  /// The budget of H2O, the policy that forgets by default; the memory comes on top.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    try H2O.settings(budget: budget)
  }

  /// As the policy that forgets says.
  public var signals: Set<Signal> { base.signals }
  /// As the policy that forgets says.
  public func columns(for shape: CacheShape) -> [Column] { base.columns(for: shape) }
  /// As the policy that forgets says.
  public var cadence: Cadence { base.cadence }
  /// As the policy that forgets says; by default original.
  public var positions: PositionRule { base.positions }
  /// As the policy that forgets says.
  public var phase: Phase { base.phase }
  /// As the policy that forgets says.
  public var scope: Scope { base.scope }
  /// As the policy that forgets says.
  public var probe: Probe? { base.probe }
  /// As the policy that forgets says.
  public var protection: Protection { base.protection }
  /// As the policy that forgets says; the memory counts apart.
  public var stateBytes: Int { base.stateBytes }

  /// Shows the layer to the policy that forgets.
  public mutating func prefill(_ layer: borrowing LayerView) { base.prefill(layer) }
  /// Shows the layer to the policy that forgets.
  public mutating func step(_ layer: borrowing LayerView) { base.step(layer) }
  /// Asks the policy that forgets.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    base.evict(cache, plan: &plan)
  }
}
