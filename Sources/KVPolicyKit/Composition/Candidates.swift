/// The rows of one lane among which a composed policy chooses, with their scores.
///
/// While a ``Probe`` is shown, its rows stand last, as protected rows, so that budgets count them;
/// they are in no lane.
public struct Candidates: Sendable {
  /// The layer and key head of the lane.
  public let lane: LaneID
  /// All rows of the lane that are decided about, in ascending position. A row of a probe has the
  /// number −1.
  public let rows: [Int]
  /// The positions of `rows`.
  public let positions: [Int32]
  /// How many of `rows` are protected and stay in any case.
  public let protected: Int
  /// How many of `rows` are rows of a probe.
  let probe: Int
  /// How many of `rows` stay at least: the protected ones, and one that the lane really has.
  let least: Int
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

  /// The rows of a lane at some positions, of which those outside the protection are scored.
  init(
    _ lane: borrowing LaneView, at range: Range<Int>?, protection: Protection, score: some RowScore
  ) {
    let positions = lane.positions
    let exposed = protection.exposed(of: lane.length)
    var rows = lane.rowsByPosition()
    if let range { rows.removeAll { !range.contains(Int(positions[$0])) } }
    probe = lane.probeRowCount
    self.lane = lane.id
    self.rows = rows + repeatElement(-1, count: probe)
    self.positions = rows.map { positions[$0] } + repeatElement(.max, count: probe)
    let open = rows.indices.filter { exposed.contains(positions[rows[$0]]) }
    let scores = score.scores(lane, of: open.map { rows[$0] })
    var all = [Float](repeating: .infinity, count: self.rows.count)
    // A score of ∞ would make a row look protected.
    for (index, score) in zip(open, scores) { all[index] = min(score, .greatestFiniteMagnitude) }
    self.scores = all
    protected = all.count - open.count
    least = max(protected, rows.count == lane.count ? probe + 1 : 0)
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
