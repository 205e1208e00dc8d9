import KVPolicyKit

/// Forgets every other token when the cache is full: a silly rule, and a complete policy.
struct EveryOther: KVCachePolicy {
  static let name = "everyother"
  static let summary = "forgets every other token when the cache is full"
  static let source = "nobody has published this"

  let capacity: Int

  init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 64, atLeast: 2, "most tokens held")
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows(atLeast: 2, for: name)
    return ["capacity": .number(Double(rows))]
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      guard lane.count > capacity else { return }
      var kept = lane.rowsByPosition()
      while kept.count > capacity { kept = everyOther(kept) }
      plan.keep(kept, of: lane.id)
    }
  }

  /// The last row, the third to last, the fifth to last…
  private func everyOther(_ rows: [Int]) -> [Int] {
    rows.indices.filter { (rows.count - $0) % 2 == 1 }.map { rows[$0] }
  }
}
