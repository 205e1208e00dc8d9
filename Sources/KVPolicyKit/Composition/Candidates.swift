/// The rows of one lane among which a composed policy chooses, with their scores.
public struct Candidates: Sendable {
  /// The layer and key head of the lane.
  public let lane: LaneID
  /// All rows of the lane, in ascending position.
  public let rows: [Int]
  /// The positions of `rows`.
  public let positions: [Int32]
  /// How many of `rows` are protected and stay in any case.
  public let protected: Int
  /// The scores of `rows`; rows of higher scores stay. Protected rows have ∞.
  public var scores: [Float]

  /// The `count` best rows, as ascending indices into `rows`. Of equal scores the lower position
  /// wins, and NaN counts as −∞.
  ///
  /// - Complexity: O(n).
  public func best(_ count: Int) -> [Int] {
    Selection.largest(count, of: Array(rows.indices), by: scores, positions: positions.span)
  }
}

extension Candidates {
  /// For each lane, how many of its rows are among the `count` best rows of all lanes. Of equal
  /// scores the lower position wins, then the earlier lane.
  ///
  /// - Complexity: O(n log n) for n rows in all lanes.
  public static func counts(ofBest count: Int, of lanes: [Candidates]) -> [Int] {
    var all: [(score: Float, position: Int32, lane: Int)] = []
    for (index, lane) in lanes.enumerated() {
      for (position, score) in zip(lane.positions, lane.scores) {
        all.append((score.isNaN ? -.infinity : score, position, index))
      }
    }
    all.sort { ($1.score, $0.position, $0.lane) < ($0.score, $1.position, $1.lane) }
    var counts = [Int](repeating: 0, count: lanes.count)
    for row in all.prefix(max(0, count)) { counts[row.lane] += 1 }
    return counts
  }

  /// The rows of a lane, of which those outside the protection are scored.
  init(_ lane: borrowing LaneView, protection: Protection, score: some RowScore) {
    let (rows, exposed) = (lane.rowsByPosition(), protection.exposed(of: lane.length))
    let positions = lane.positions
    self.lane = lane.id
    self.rows = rows
    self.positions = rows.map { positions[$0] }
    let open = rows.indices.filter { exposed.contains(positions[rows[$0]]) }
    let scores = score.scores(lane, of: open.map { rows[$0] })
    var all = [Float](repeating: .infinity, count: rows.count)
    // A score of ∞ would make a row look protected.
    for (index, score) in zip(open, scores) { all[index] = min(score, .greatestFiniteMagnitude) }
    self.scores = all
    protected = rows.count - open.count
  }
}

/// What a budget is spent on: the lanes of a layer, and the amount.
public struct BudgetRequest: Sendable {
  /// The lanes of one layer.
  public let lanes: [Candidates]
  /// Mean rows per lane, the protected rows included.
  public let capacity: Int
  /// Of `capacity`, the rows that are protected in a lane that still has all of them.
  public let protected: Int
  /// The shape of the whole cache.
  public let shape: CacheShape
}
