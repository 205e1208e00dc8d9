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
    kernel = try settings.integer("kernel", default: 5, atLeast: 1, "width of the pooling")
    beta = try settings.integer("beta", default: 20, atLeast: 1, "top layer's share, inverted")
    reduction = try settings.choice("gqa", default: .mean, "how a group becomes one score")
  }

  static func settings(budget: Amount) -> [String: JSONValue]? {
    let rows = budget.rows
    ["capacity": .number(Double(rows))]
  }

  var signals: Set<Signal> { [.promptRows(window)] }
  var cadence: Cadence { .afterPrompt }

  func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        guard lane.count >= capacity else { continue }
        let budget = rows(layer: layer, of: cache.shape.layers, length: lane.count)
        let (earlier, last) = Selection.split(recent: window, of: lane)
        let votes = WindowVotes.scores(
          lane, rows: earlier, kernel: kernel, pool: .average, reduction: reduction,
          poolFirst: false)
        let chosen = Selection.largest(budget, of: earlier, by: votes, positions: lane.positions)
        plan.keep(chosen + last, of: lane.id)
      }
    }
  }

  /// Rows of a layer beside the window.
  func rows(layer: Int, of layers: Int, length: Int) -> Int {
    let mean = capacity - window
    if length < 2 * mean { return mean }
    var least = mean / beta
    var most = 2 * mean - least
    if most >= length - window { (most, least) = (length - window, 2 * mean - (length - window)) }
    return most - layer * ((most - least) / (layers - 1))
  }
}
