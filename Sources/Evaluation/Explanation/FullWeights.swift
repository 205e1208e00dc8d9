import KVPolicyKit

/// Full attention that remembers the weights of the last decode step.
struct FullWeights: KVCachePolicy {
  static let name = "fullweights"
  static let summary = "forgets nothing and remembers a step's weights"
  static let source = "this project"

  /// By layer and query head, the weight of each token; empty before the first step.
  private(set) var weights: [[[Float]]]

  init(_ shape: CacheShape) {
    weights = Array(repeating: Array(repeating: [], count: shape.queryHeads), count: shape.layers)
  }

  init(_ settings: inout Settings) throws(PolicyError) { weights = [] }

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { [.stepProbabilities] }
  var cadence: Cadence { .never }

  mutating func step(_ layer: borrowing LayerView) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      for query in 0..<lane.group {
        let shares = lane.probabilities(query)
        var row = [Float](repeating: 0, count: lane.count)
        for index in 0..<lane.count { row[Int(lane.positions[index])] = shares[index] }
        weights[layer.layer][head * lane.group + query] = row
      }
    }
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
