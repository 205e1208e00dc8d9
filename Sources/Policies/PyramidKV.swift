import KVPolicyKit

/// SnapKV with more rows in lower layers.
///
/// Cai et al., "PyramidKV", 2024; the integers of KVCache-Factory's `PyramidKVCluster`.
public struct PyramidKV: ComposedPolicy {
  /// The name in configurations.
  public static let name = "pyramidkv"
  /// What the policy keeps.
  public static let summary = "SnapKV with more rows in lower layers"
  /// Where the method was published.
  public static let source = "Cai et al., 2024; KVCache-Factory PyramidKVCluster"

  /// The window's votes and the pyramid.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    composition = try settings.composition(
      score: { settings throws(PolicyError) in
        try WindowScore(&settings, kernel: 5, pool: .average, order: .groupThenPool)
      }, budget: { settings throws(PolicyError) in try PyramidBudget(&settings) })
  }

  /// The budget is the mean capacity of a layer.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    try WindowScore.settings(rows: budget.rows, of: name)
  }
}

/// Rows that fall from layer to layer in equal steps.
public struct PyramidBudget: RowBudget {
  /// The name in configurations.
  public static let name = "pyramid"
  /// What the part does.
  public static let summary = "more rows in lower layers, falling in equal steps"

  let beta: Int

  /// Reads the part's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    beta = try settings.integer(
      "beta", default: 20, atLeast: 1, "the highest layer chooses 1/beta of the mean")
  }

  /// A prompt below the capacity is kept whole; one below twice the mean is cut evenly.
  public func shares(_ request: borrowing BudgetRequest) -> [Int] {
    request.lanes.map { lane in
      let length = lane.rows.count
      guard length >= request.capacity else { return length }
      return request.protected
        + chosen(
          lane.lane.layer, of: request.shape.layers, length: length,
          mean: request.capacity - request.protected, protected: request.protected)
    }
  }

  /// Rows that a layer keeps beside the protected ones.
  private func chosen(
    _ layer: Int, of layers: Int, length: Int, mean: Int, protected: Int
  ) -> Int {
    guard mean > 0 else { return 0 }
    // A model of one layer has no slope.
    guard length >= 2 * mean, layers > 1 else { return mean }
    let least = mean / beta
    let most = min(2 * mean - least, length - protected)
    return most - layer * ((most - (2 * mean - most)) / (layers - 1))
  }
}
