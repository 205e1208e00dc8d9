import KVPolicyKit

/// Forgets, every so many tokens, what a learned scorer expects to be missed least.
///
/// "ForesightKV", 2026; behaviour of RUCAIBox/ForesightKV. A small network for each layer and key
/// head reads a row's key, value and eight statistics of its attention. The cache grows from the
/// capacity by a block of tokens and is cut again.
public struct ForesightKV: ComposedPolicy {
  /// The name in configurations.
  public static let name = "foresightkv"
  /// What the policy keeps.
  public static let summary = "forgets blockwise what a learned scorer gives up"
  /// Where the method was published.
  public static let source = ForesightScore.source

  /// The learned score, and the parts that the settings name.
  public var composition: Composition

  /// Reads the policy's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    var block = 1
    composition = try settings.composition(
      score: { settings throws(PolicyError) in
        let score = try ForesightScore(&settings)
        block = score.block
        return score
      },
      cadence: { _ throws(PolicyError) in
        Cadence(prompt: .atEnd, steps: .everyTotal(block, offset: 0))
      })
  }

  /// The budget is the capacity, which the cache exceeds by at most a block.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    try ForesightScore.settings(rows: budget.rows)
      .merging(["capacity": .integer(budget.rows)]) { $1 }
  }
}

/// What a learned network makes of a row's key, value and attention: ForesightKV's score.
public struct ForesightScore: RowScore {
  /// The name in configurations.
  public static let name = "foresight"
  /// What the score prefers.
  public static let summary = "prefers what a learned scorer does not give up"
  /// Where the score was published.
  public static let source = "2026 (arXiv 2602.03203); RUCAIBox/ForesightKV"

  /// The queries of the three sums over the last 8, 16 and 32.
  public enum SubWindows: String, CaseIterable, Sendable {
    /// The last 8, 16 and 32 queries, as the paper says.
    case rows
    /// All queries of the block, as the published code and its checkpoints have it.
    case block
  }

  private enum Select: String, CaseIterable { case highestDropped }

  let scorer: LearnedScorer?
  let block: Int
  let queryCache: Int
  let subWindows: SubWindows
  let decay: Float?

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    scorer = try settings.artifact(
      "scorer", kind: LearnedScorer.kind, "the weights of the network of each layer and key head"
    ) { artifact, shape throws(ArtifactError) in try LearnedScorer(artifact, shape) }
    block = try settings.integer(
      "block", default: 128, atLeast: 1,
      "tokens between two cuts; the last of them always stay, and their queries are asked")
    queryCache = try settings.integer(
      "queryCache", default: 128, atLeast: 1, "queries that are asked at the first cut")
    subWindows = try settings.choice(
      "subWindows", default: .block, "which queries the sums over the last 8, 16 and 32 count")
    decay = try settings.number(
      "decay", default: nil, in: 0...1, or: "none",
      "factor of earlier attention in the decayed sum; without it that sum is the undecayed one"
    ).map { Float($0) }
    _ = try settings.choice(
      "select", default: Select.highestDropped, "which rows go, by the network's output")
  }

  /// A block of half the rows, but at most 128.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    let rows = try Amount.rows(rows).rows(atLeast: 2, for: name)
    return ["block": .integer(min(128, rows / 2))]
  }

  /// The logits of the last queries.
  public var signals: Set<Signal> { [.recentRows(max(queryCache, block))] }
  /// The attention of all blocks so far, for each query head; and the same decayed.
  public func columns(for shape: CacheShape) -> [Column] {
    [.ring("accumulated", width: shape.group)]
      + (decay == nil ? [] : [.ring("decayed", width: shape.group)])
  }
  /// The last block.
  public var protection: Protection { Protection(recent: block) }

  /// The network's output for each row, with the sign changed: the highest outputs go.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    let statistics = statistics(lane)
    var inputs = rows.map { _ in [Float]() }
    let rotation = lane.rotation
    lane.forEachKey(of: rows, .atPosition) { index, key in
      inputs[index] += rotation.trainedOrder(of: key)
    }
    lane.forEachValue(of: rows) { index, value in
      for element in value.indices { inputs[index].append(value[element]) }
    }
    return rows.indices.map { index in
      for numbers in statistics { inputs[index].append(numbers[rows[index]]) }
      return -(scorer?.output(inputs[index], lane.id) ?? 0)
    }
  }

  /// Numbers of all rows, for each statistic and query head: maximum, minimum and sum of the
  /// attention of the queries that are asked, its sums over the last 16, 8 and 32 of them, and the
  /// sums over all blocks, which this block is added to.
  func statistics(_ lane: borrowing LaneView) -> [[Float]] {
    let (count, group, length) = (lane.count, lane.group, lane.length.tokens)
    let asked = hasAccumulated(lane) ? block : queryCache
    let zero = Array(repeating: [Float](repeating: 0, count: count), count: group)
    var (most, sum, last16, last8, last32) = (zero, zero, zero, zero, zero)
    var least = Array(repeating: [Float](repeating: .infinity, count: count), count: group)
    lane.forEachRecentRow { query in
      // The newest query has the age 1.
      let age = length - query.position
      guard age <= asked else { return }
      for head in 0..<group {
        let attention = Softmax.over(query.logits(head))
        for row in 0..<count {
          most[head][row] = max(most[head][row], attention[row])
          least[head][row] = min(least[head][row], attention[row])
          sum[head][row] += attention[row]
          if age <= 16 { last16[head][row] += attention[row] }
          if age <= 8 { last8[head][row] += attention[row] }
          if age <= 32 { last32[head][row] += attention[row] }
        }
      }
    }
    let parts = subWindows == .rows ? last16 + last8 + last32 : sum + sum + sum
    let accumulated = accumulate(sum, 0, 1, lane)
    return most + least + sum + parts + accumulated
      + (decay.map { accumulate(sum, 1, $0, lane) } ?? accumulated)
  }

  /// Whether an earlier cut has added a block to the accumulated attention.
  private func hasAccumulated(_ lane: borrowing LaneView) -> Bool {
    let numbers = lane.column(0)
    return (0..<numbers.count).contains { numbers[$0] > 0 }
  }

  /// Adds a block's attention to a column, whose earlier numbers count by a factor.
  private func accumulate(
    _ sums: [[Float]], _ column: Int, _ factor: Float, _ lane: borrowing LaneView
  ) -> [[Float]] {
    sums.indices.map { head in
      var numbers = lane.mutableColumn(column, entry: head)
      for row in 0..<numbers.count { numbers[row] = factor * numbers[row] + sums[head][row] }
      return (0..<numbers.count).map { numbers[$0] }
    }
  }
}
