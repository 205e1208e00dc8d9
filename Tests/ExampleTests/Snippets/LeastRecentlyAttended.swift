import KVPolicyKit

/// Forgets the token that was not looked at for longest: a cache in the old sense of the word.
///
/// A query looks at a token when it gives it more than an equal share of its attention.
struct LeastRecentlyAttended: KVCachePolicy {
  static let name = "leastrecent"
  static let summary = "forgets the token that was not looked at for longest"
  static let source = "written for the documentation"

  let capacity: Int
  let window: Int

  init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 256, atLeast: 2, "tokens kept")
    window = try settings.integer("window", default: 16, atLeast: 1, "last prompt tokens that look")
    guard window <= capacity else {
      throw settings.impossible("window (\(window)) cannot exceed capacity (\(capacity))")
    }
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 2, for: name)
    return ["capacity": .number(Double(rows)), "window": .number(Double(min(16, rows)))]
  }

  var signals: Set<Signal> { [.promptRows(window), .stepProbabilities] }

  func columns(for shape: CacheShape) -> [Column] { [.scalar("last looked at")] }

  mutating func prefill(_ layer: borrowing LayerView) {
    guard case .chunk(_, isLast: true) = layer.moment else { return }
    layer.forEachLane { lane in
      lane.forEachPromptRow { row in
        for query in 0..<lane.group {
          note(Softmax.over(row.logits(query)).span, at: row.position, in: lane)
        }
      }
    }
  }

  mutating func step(_ layer: borrowing LayerView) {
    layer.forEachLane { lane in
      for query in 0..<lane.group {
        note(lane.probabilities(query), at: lane.length.tokens - 1, in: lane)
      }
    }
  }

  private func note(_ attention: Span<Float>, at time: Int, in lane: borrowing LaneView) {
    var lastLooked = lane.mutableColumn(0)
    let share = 1 / Float(attention.count)
    for row in 0..<attention.count where attention[row] > share { lastLooked[row] = Float(time) }
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      // A token that nobody looked at yet was last looked at when it was written.
      let times = (0..<lane.count).map { max(lane.column(0)[$0], Float(lane.positions[$0])) }
      plan.keepBest(capacity, of: lane, by: times.span)
    }
  }
}
