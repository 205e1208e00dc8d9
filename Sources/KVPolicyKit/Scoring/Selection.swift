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

  /// The rows of the `count` highest positions, and all the others.
  public static func split(recent count: Int, of lane: borrowing LaneView) -> (
    earlier: [Int], recent: [Int]
  ) {
    let rows = lane.rowsByPosition()
    let cut = max(0, rows.count - count)
    return (Array(rows[..<cut]), Array(rows[cut...]))
  }
}
