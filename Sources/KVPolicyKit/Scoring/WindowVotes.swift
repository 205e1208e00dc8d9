/// The score that SnapKV introduced and many methods build on: how much the last queries of the prompt
/// attend to each earlier token.
public enum WindowVotes {
  /// One score per row of the lane; 0 for rows not in `rows`.
  ///
  /// Needs the signal `promptRows`. Each query's softmax runs over all rows it can see, in float32;
  /// the probabilities are summed over the queries, pooled over neighbours in `rows`, and reduced over
  /// the group.
  ///
  /// - Parameters:
  ///   - lane: the lane whose prompt rows vote.
  ///   - rows: the rows to score, in ascending position.
  ///   - kernel: width of the pooling; odd.
  ///   - pool: how votes are smoothed over neighbours.
  ///   - reduction: how the query heads of the group become one score.
  ///   - poolFirst: whether pooling comes before the reduction; the order matters unless both are means.
  /// - Complexity: O(group × queries × rows).
  public static func scores(
    _ lane: borrowing LaneView, rows: [Int], kernel: Int, pool: Pooling, reduction: GroupReduction,
    poolFirst: Bool
  ) -> [Float] {
    let bias = [Float](repeating: 0, count: lane.count)
    var heads: [[Float]] = []
    for head in 0..<lane.group {
      var sums = bias
      for index in 0..<lane.promptRowCount {
        Softmax.fold(lane.promptRow(index, head), bias: bias, into: &sums, by: .add)
      }
      let votes = rows.map { sums[$0] }
      heads.append(poolFirst ? pool(votes, kernel: kernel) : votes)
    }
    var reduced = reduction(heads)
    if !poolFirst { reduced = pool(reduced, kernel: kernel) }
    var scores = bias
    for (row, score) in zip(rows, reduced) { scores[row] = score }
    return scores
  }
}
