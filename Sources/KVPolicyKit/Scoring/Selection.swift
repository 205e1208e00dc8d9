/// Choosing rows by score. Equal scores go to the lower position, so that a choice never depends on how
/// rows happen to be numbered.
public enum Selection {
  /// The `count` candidates with the largest scores, in ascending row number.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - candidates: row numbers.
  ///   - scores: one score per row of the lane.
  ///   - positions: one position per row of the lane.
  /// - Complexity: O(n log n).
  public static func largest(
    _ count: Int, of candidates: [Int], by scores: [Float], positions: Span<Int32>
  ) -> [Int] {
    guard count > 0 else { return [] }
    guard count < candidates.count else { return candidates.sorted() }
    let keyed = candidates.map { (score: scores[$0], position: positions[$0], row: $0) }
    let ranked = keyed.sorted {
      $0.score != $1.score ? $0.score > $1.score : $0.position < $1.position
    }
    return ranked.prefix(count).map(\.row).sorted()
  }

  /// The row with the least score; of equals the one furthest on. None if there is no row.
  ///
  /// - Parameters:
  ///   - scores: one score per row of the lane.
  ///   - positions: one position per row of the lane.
  ///   - horizon: rows from this position on are not looked at.
  /// - Complexity: O(n); allocates nothing.
  public static func least(
    of scores: Span<Float>, positions: Span<Int32>, before horizon: Int32 = .max
  ) -> Int? {
    precondition(scores.count >= positions.count, "one score for each row")
    var best: Int?
    var (score, position) = (Float.infinity, Int32.min)
    for row in 0..<positions.count where positions[row] < horizon {
      let isLess =
        scores[row] < score || (scores[row] == score && positions[row] > position)
      if best == nil || isLess { (best, score, position) = (row, scores[row], positions[row]) }
    }
    return best
  }

  /// The rows of the `count` highest positions, and all the others.
  public static func split(recent count: Int, of lane: borrowing LaneView) -> (
    earlier: [Int], recent: [Int]
  ) {
    let rows = lane.rowsByPosition()
    let cut = max(0, rows.count - count)
    return (Array(rows[..<cut]), Array(rows[cut...]))
  }
}
