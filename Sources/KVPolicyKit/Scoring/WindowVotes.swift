/// The score that SnapKV introduced and many methods build on: how much the last queries of the
/// prompt attend to each earlier token.
public enum WindowVotes {
  /// One score per row of the lane; 0 for rows not in `rows`.
  ///
  /// Needs the signal `promptRows`. Each query's softmax runs over all rows it can see, in float32,
  /// or over those at some positions and those of a ``Probe``; the probabilities are summed over the
  /// queries, pooled over neighbours in `rows`, and reduced over the group.
  ///
  /// - Parameters:
  ///   - lane: the lane whose prompt rows vote.
  ///   - rows: the rows to score, in ascending position.
  ///   - range: the positions of the rows that the softmax runs over; nil for all.
  ///   - kernel: width of the pooling; odd.
  ///   - pool: how votes are smoothed over neighbours.
  ///   - reduction: how the query heads of the group become one score.
  ///   - poolFirst: whether pooling comes before the reduction; the order matters unless both are
  ///     means.
  /// - Precondition: the lane has the signal and all of `rows`; see ``LaneView``.
  /// - Complexity: O(group × queries × rows).
  public static func scores(
    _ lane: borrowing LaneView, rows: [Int], over range: Range<Int>? = nil, kernel: Int,
    pool: Pooling, reduction: GroupReduction, poolFirst: Bool
  ) -> [Float] {
    let none = [Float](repeating: 0, count: lane.count + lane.probeRowCount)
    var (bias, sums) = (none, Array(repeating: none, count: lane.group))
    if let range {
      let positions = lane.positions
      for row in 0..<lane.count where !range.contains(Int(positions[row])) {
        bias[row] = -.infinity
      }
    }
    var scratch: [Float] = []
    lane.forEachPromptRow { query in
      for head in sums.indices {
        Softmax.fold(
          query.logitsWithProbe(head), bias: bias, into: &sums[head], by: .add, scratch: &scratch)
      }
    }
    let heads = sums.map { sums in
      let votes = rows.map { sums[$0] }
      return poolFirst ? pool(votes, kernel: kernel) : votes
    }
    var reduced = reduction(heads)
    if !poolFirst { reduced = pool(reduced, kernel: kernel) }
    var scores = [Float](repeating: 0, count: lane.count)
    for (row, score) in zip(rows, reduced) { scores[row] = score }
    return scores
  }
}
