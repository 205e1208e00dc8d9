import KVPolicyKit

/// SnapKV whose heads compete for one budget per layer (NVIDIA/kvpress `AdaKVPress`).
struct AdaKV: KVCachePolicy {
  static let name = "adakv"
  static let summary = "SnapKV whose heads compete for the layer's rows"
  static let source = "Feng et al., 2024; NVIDIA/kvpress"

  let (capacity, window, kernel): (Int, Int, Int)
  let floor: Double

  init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 2, "mean rows per head")
    window = try settings.integer("window", default: 64, atLeast: 1, "rows that vote and stay")
    kernel = try settings.integer("kernel", default: 5, atLeast: 1, "width of the pooling; odd")
    floor = try settings.number("floor", default: 0.2, in: 0...1, "share every head is sure of")
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
  var protection: Protection { Protection(recent: window) }

  func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let heads = 0..<cache.shape.keyHeads
    for layer in cache.layers {
      // One score per head and row. The rows that every head is guaranteed, and the window, cannot
      // lose.
      var scores: [(score: Float, head: Int, row: Int)] = []
      for head in heads {
        let lane = cache.lane(layer: layer, head: head)
        let earlier = lane.rowsByPosition(outside: protection)
        var votes = WindowVotes.scores(
          lane, rows: earlier, kernel: kernel, pool: .average, reduction: .mean, poolFirst: true)
        let window = Set(0..<lane.count).subtracting(earlier)
        for row in window { votes[row] = .infinity }
        let sure = Selection.largest(
          Int(floor * Double(capacity)), of: Array(0..<lane.count), by: votes,
          positions: lane.positions)
        for row in sure { votes[row] = .infinity }
        scores += votes.enumerated().map { (votes[$0.offset], head, $0.offset) }
      }
      let most = heads.count * capacity
      guard scores.count > most else { continue }
      let kept = scores.sorted { $0.score > $1.score }.prefix(most)
      for head in heads {
        plan.keep(
          kept.filter { $0.head == head }.map(\.row), of: LaneID(layer: layer, head: head))
      }
    }
  }
}
