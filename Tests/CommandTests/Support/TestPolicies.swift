import KVPolicyKit

/// Keeps everything, under the name of the reference.
struct Everything: KVCachePolicy {
  static let name = "full"
  static let summary = "keeps everything"
  static let source = "a test"
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var cadence: Cadence { .never }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

/// Keeps everything, under a different name.
struct Whole: KVCachePolicy {
  static let name = "whole"
  static let summary = "keeps everything"
  static let source = "a test"
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var cadence: Cadence { .never }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

/// Keeps the last rows.
struct Last: KVCachePolicy {
  static let name = "last"
  static let summary = "keeps the last"
  static let source = "a test"
  let rows: Int

  init(_ settings: inout Settings) throws(PolicyError) {
    rows = try settings.integer("rows", default: 4, atLeast: 1, "rows kept")
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["rows": .number(Double(try budget.rows))]
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      for head in 0..<cache.shape.keyHeads {
        let lane = cache.lane(layer: layer, head: head)
        let horizon = lane.length.tokens - rows
        plan.drop((0..<lane.count).filter { Int(lane.positions[$0]) < horizon }, of: lane.id)
      }
    }
  }
}
