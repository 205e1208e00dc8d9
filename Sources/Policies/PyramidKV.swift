import KVPolicyKit

/// SnapKV with more rows in lower layers.
///
/// Cai et al., "PyramidKV", 2024; both rules of the published codes, KVCache-Factory's
/// `PyramidKVCluster` and NVIDIA/kvpress's `PyramidKVPress`.
public struct PyramidKV: WindowPolicy {
  /// The name in configurations.
  public static let name = "pyramidkv"
  /// What the policy keeps.
  public static let summary = "SnapKV with more rows in lower layers"
  /// Where the method was published.
  public static let source = "Cai et al., 2024; KVCache-Factory, NVIDIA/kvpress"

  /// The window's votes and the pyramid.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition(
      score: { settings throws(PolicyError) in
        try WindowScore(&settings, kernel: 5, pool: .average, order: .groupThenPool)
      }, budget: PyramidBudget.init)
  }
}

/// Rows that fall from layer to layer in equal steps.
public struct PyramidBudget: RowBudget {
  /// The name in configurations.
  public static let name = "pyramid"
  /// What the part does.
  public static let summary = "more rows in lower layers, falling in equal steps"

  /// How rows fall from layer to layer.
  public enum Rule: String, CaseIterable, Sendable {
    /// What the capacity leaves beside the protected rows falls, in integers (KVCache-Factory).
    case factory
    /// The whole capacity falls, in floating point. Where the highest layer would not get the
    /// protected rows, nothing falls (NVIDIA/kvpress).
    case kvpress
  }

  let rule: Rule
  let beta: Int

  /// Reads the part's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    rule = try settings.choice("rule", default: .factory, "how rows fall from layer to layer")
    beta = try settings.integer(
      "beta", default: 20, atLeast: 1, "the highest layer chooses 1/beta of the mean")
  }

  /// A prompt below the capacity is kept whole.
  public func shares(_ request: borrowing BudgetRequest) -> [Int] {
    let (capacity, protected) = (request.capacity, request.protected)
    let layers = request.shape.layers
    return request.lanes.map { lane in
      let (length, layer) = (lane.rows.count, lane.lane.layer)
      // A model of one layer has no slope.
      guard length >= capacity, capacity > protected, layers > 1 else {
        return min(length, capacity)
      }
      switch rule {
      case .factory:
        let mean = capacity - protected
        // A prompt below twice the mean is cut evenly.
        guard length >= 2 * mean else { return capacity }
        let most = min(2 * mean - mean / beta, length - protected)
        return protected + most - layer * ((2 * most - 2 * mean) / (layers - 1))
      case .kvpress:
        let (mean, open) = (Double(capacity), Double(length - protected))
        var least = mean / Double(beta)
        var most = 2 * mean - least
        if most >= open { (least, most) = (2 * mean - open, open) }
        guard most >= least, least >= Double(protected) else { return capacity }
        let step = (most - least) / Double(layers - 1)
        return Int((most - Double(layer) * step).rounded(.toNearestOrEven))
      }
    }
  }
}
