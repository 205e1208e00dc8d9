import KVPolicyKit

/// Keeps the tokens that the newest query attends to most, one set for all heads of a layer.
///
/// Oren et al., "Transformers are Multi-State RNNs", 2024; behaviour of schwartz-lab-NLP/TOVA. The newest
/// token may be dropped too, unless `protectNewest`, as NVIDIA/kvpress does.
public struct TOVA: KVCachePolicy {
  /// The name in configurations.
  public static let name = "tova"
  /// What it keeps.
  public static let summary = "keeps the tokens that the newest query attends to most"
  /// Where it comes from.
  public static let source = "Oren et al., 2024; schwartz-lab-NLP/TOVA"

  let capacity: Int
  let protectNewest: Bool
  let when: Timing
  /// Mean probability over all query heads of the layer, one per row; kept for its memory.
  private var scores: [Float] = []

  /// Reads its settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    capacity = try settings.integer("capacity", default: 1024, atLeast: 1, "tokens kept")
    protectNewest = try settings.flag(
      "protectNewest", default: false, "whether the newest token always stays")
    when = try settings.choice("when", default: .everyStep, "when to forget")
  }

  /// The budget is the capacity.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = budget.rows
    guard rows >= 1 else { throw .impossible(policy: name, reason: "a budget must be at least 1") }
    return ["capacity": .number(Double(rows))]
  }

  /// The newest query's attention.
  public var signals: Set<Signal> {
    when == .everyStep ? [.promptRows(1), .stepProbabilities] : [.promptRows(1)]
  }
  /// As set.
  public var cadence: Cadence { when.cadence }
  /// The scores of one layer.
  public var stateBytes: Int { scores.count * 4 }

  /// Drops the tokens that the newest query attends to least, the same in every lane.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for layer in cache.layers {
      guard lanesAgree(cache, layer) else {
        evictApart(cache, layer, plan: &plan)
        continue
      }
      let first = cache.lane(layer: layer, head: 0)
      guard first.count > capacity else { continue }
      sumAttention(cache, layer: layer)
      let positions = first.positions
      if protectNewest {
        for row in 0..<first.count where Int(positions[row]) == first.length.tokens - 1 {
          scores[row] = .infinity
        }
      }
      if first.count == capacity + 1 {
        guard let victim = Selection.least(of: scores.span, positions: positions) else { continue }
        for head in 0..<cache.shape.keyHeads {
          plan.drop(victim, of: LaneID(layer: layer, head: head))
        }
      } else {
        let kept = Selection.largest(
          capacity, of: Array(0..<first.count), by: scores, positions: positions)
        for head in 0..<cache.shape.keyHeads {
          plan.keep(kept, of: LaneID(layer: layer, head: head))
        }
      }
    }
  }

  /// Whether a row number means the same token in every lane of a layer. It does as long as nobody but
  /// this policy edits them.
  private func lanesAgree(_ cache: borrowing CacheView, _ layer: Int) -> Bool {
    let first = cache.lane(layer: layer, head: 0)
    let positions = first.positions
    for head in 1..<max(1, cache.shape.keyHeads) {
      let lane = cache.lane(layer: layer, head: head)
      let others = lane.positions
      guard others.count == positions.count else { return false }
      for row in 0..<positions.count where others[row] != positions[row] { return false }
    }
    return true
  }

  /// The same for lanes that differ: attention is summed over those that hold a token, and each lane
  /// keeps the best of its own.
  private func evictApart(
    _ cache: borrowing CacheView, _ layer: Int, plan: inout CachePlan
  ) {
    var attention: [Int32: Float] = [:]
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: layer, head: head)
      let positions = lane.positions
      for query in 0..<lane.group {
        let row = newestAttention(lane, query, cache.moment)
        for index in row.indices { attention[positions[index], default: 0] += row[index] }
      }
    }
    if protectNewest { attention[Int32(cache.length.tokens - 1)] = .infinity }
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: layer, head: head)
      guard lane.count > capacity else { continue }
      let positions = lane.positions
      let own = (0..<lane.count).map { attention[positions[$0]] ?? 0 }
      plan.keep(
        Selection.largest(capacity, of: Array(own.indices), by: own, positions: positions),
        of: lane.id)
    }
  }

  /// What one query head of the newest token pays to each row of its lane.
  private func newestAttention(
    _ lane: borrowing LaneView, _ query: Int, _ moment: Moment
  ) -> [Float] {
    guard case .step = moment else {
      return Softmax.over(lane.promptRow(lane.promptRowCount - 1, query))
    }
    let row = lane.probabilities(query)
    return row.indices.map { row[$0] }
  }

  private mutating func sumAttention(_ cache: borrowing CacheView, layer: Int) {
    scores.removeAll(keepingCapacity: true)
    scores.append(contentsOf: repeatElement(0, count: cache.lane(layer: layer, head: 0).count))
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: layer, head: head)
      for query in 0..<lane.group {
        if case .step = cache.moment {
          // Read in place: nothing is allocated during a step.
          let row = lane.probabilities(query)
          for index in 0..<row.count { scores[index] += row[index] }
        } else {
          let row = newestAttention(lane, query, cache.moment)
          for index in row.indices { scores[index] += row[index] }
        }
      }
    }
  }
}
