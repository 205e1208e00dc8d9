import KVPolicyKit

/// SnapKV with a budget that falls from layer to layer (KVCache-Factory `PyramidKVCluster`).
struct PyramidKV: KVCachePolicy {
  static let name = "pyramidkv"
  static let summary = "SnapKV with more rows in lower layers"
  static let source = "Cai et al., 2024; Zefan-Cai/KVCache-Factory"

  let (capacity, window, kernel, beta): (Int, Int, Int, Int)
  let reduction: GroupReduction

  init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 2, "mean rows per layer")
    window = try settings.integer("window", default: 32, atLeast: 1, "rows that vote and stay")
    kernel = try settings.integer("kernel", default: 5, atLeast: 1, "width of the pooling; odd")
    beta = try settings.integer("beta", default: 20, atLeast: 1, "top layer's share, inverted")
    reduction = try settings.choice("gqa", default: .mean, "how a group becomes one score")
    guard capacity > window else { throw settings.impossible("capacity must exceed window") }
    guard kernel % 2 == 1 else { throw settings.impossible("kernel must be odd") }
  }

  static func settings(budget: Amount) -> [String: JSONValue]? {
    guard budget.rows > 1 else { return nil }
    return [
      "capacity": .number(Double(budget.rows)),
      "window": .number(Double(min(32, max(1, budget.rows / 4)))),
    ]
  }

  var signals: Set<Signal> { [.promptRows(window)] }
  var cadence: Cadence { .afterPrompt }
  var protection: Protection { Protection(recent: window) }

  func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let layers = cache.shape.layers
    cache.forEachLane { lane in
      guard lane.count >= capacity else { return }
      let votes = WindowVotes.scores(
        lane, rows: lane.rowsByPosition(outside: protection), kernel: kernel, pool: .average,
        reduction: reduction, poolFirst: false)
      plan.keepBest(
        rows(layer: lane.id.layer, of: layers, length: lane.count), of: lane, by: votes.span,
        protecting: protection)
    }
  }

  /// Rows of a layer in addition to the window.
  func rows(layer: Int, of layers: Int, length: Int) -> Int {
    let mean = capacity - window
    if length < 2 * mean { return mean }
    var least = mean / beta
    var most = 2 * mean - least
    if most >= length - window { (most, least) = (length - window, 2 * mean - (length - window)) }
    // A model of one layer has no slope.
    guard layers > 1 else { return mean }
    return most - layer * ((most - least) / (layers - 1))
  }
}
