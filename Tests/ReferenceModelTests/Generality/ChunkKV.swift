import KVPolicyKit

/// SnapKV that keeps or drops whole blocks of tokens, the same blocks in all heads (NVIDIA/kvpress
/// `ChunkKVPress`).
struct ChunkKV: KVCachePolicy {
  static let name = "chunkkv"
  static let summary = "SnapKV that keeps whole runs of tokens"
  static let source = "Liu et al., 2025; NVIDIA/kvpress"

  let (capacity, window, kernel, size): (Int, Int, Int, Int)

  init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 2, "rows kept, about")
    window = try settings.integer("window", default: 64, atLeast: 1, "rows that vote")
    kernel = try settings.integer("kernel", default: 5, atLeast: 1, "width of the pooling; odd")
    size = try settings.integer("size", default: 20, atLeast: 1, "tokens of a run")
    guard capacity > window else { throw settings.impossible("capacity must exceed window") }
    guard kernel % 2 == 1 else { throw settings.impossible("kernel must be odd") }
  }

  static func settings(budget: Amount) -> [String: JSONValue]? {
    guard budget.rows > 1 else { return nil }
    return [
      "capacity": .number(Double(budget.rows)),
      "window": .number(Double(min(64, max(1, budget.rows / 4)))),
    ]
  }

  var signals: Set<Signal> { [.promptRows(window)] }
  var cadence: Cadence { .afterPrompt }

  func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      let heads = 0..<cache.shape.keyHeads
      let first = cache.lane(layer: layer, head: 0)
      let count = first.count
      guard count > capacity else { continue }
      var total = [Float](repeating: 0, count: count)
      for head in heads {
        let lane = cache.lane(layer: layer, head: head)
        let earlier = lane.rowsByPosition(outside: Protection(recent: window))
        let votes = WindowVotes.scores(
          lane, rows: earlier, kernel: kernel, pool: .average, reduction: .mean, poolFirst: true)
        for row in earlier { total[row] += votes[row] }
        for row in Set(0..<count).subtracting(earlier) { total[row] = .infinity }
      }
      let rows = first.rowsByPosition()
      let runs = stride(from: 0, to: count, by: size).map {
        Array(rows[$0..<min($0 + size, count)])
      }
      let means = runs.map { run in run.reduce(Float(0)) { $0 + total[$1] } / Float(run.count) }
      let keep = max(1, runs.count * capacity / count)
      let best = runs.indices.sorted { (means[$0], $1) > (means[$1], $0) }.prefix(keep)
      for head in heads {
        plan.keep(best.flatMap { runs[$0] }, of: LaneID(layer: layer, head: head))
      }
    }
  }
}
