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
    let least = value(of: scores, positions: positions, before: horizon)
    var best: Int?
    for row in 0..<positions.count where scores[row] == least && positions[row] < horizon {
      if best.map({ positions[row] > positions[$0] }) ?? true { best = row }
    }
    // Without a number among the scores, none is the least.
    return best ?? newest(positions, before: horizon)
  }

  /// The least score, eight rows at a time; +∞ if there is no row.
  private static func value(
    of scores: Span<Float>, positions: Span<Int32>, before horizon: Int32
  ) -> Float {
    // Both hold `positions.count` numbers, as the caller checked.
    unsafe scores.withUnsafeBufferPointer { scores in
      unsafe positions.withUnsafeBufferPointer { positions in
        guard let x = scores.baseAddress, let places = positions.baseAddress else {
          return .infinity
        }
        var least = SIMD8<Float>(repeating: .infinity)
        let whole = positions.count / 8 * 8
        for row in stride(from: 0, to: whole, by: 8) {
          let score = unsafe VoteTable.choose(
            Softmax.load(x, row, whole), for: isBefore(horizon, places + row), else: .infinity)
          least.replace(with: score, where: score .< least)
        }
        var result = least.min()
        for row in whole..<positions.count where unsafe places[row] < horizon && x[row] < result {
          result = unsafe x[row]
        }
        return result
      }
    }
  }

  /// The row furthest on before a position. None if there is no row.
  ///
  /// - Complexity: O(n); allocates nothing.
  public static func newest(_ positions: Span<Int32>, before horizon: Int32) -> Int? {
    unsafe positions.withUnsafeBufferPointer { positions in
      guard let places = positions.baseAddress else { return nil }
      var greatest = SIMD8<Int32>(repeating: -1)
      let whole = positions.count / 8 * 8
      for row in stride(from: 0, to: whole, by: 8) {
        let mask = unsafe isBefore(horizon, places + row)
        let here = unsafe SIMD8<Int32>.eight(places + row) & mask | ~mask
        // The larger of two; comparing integers does not stay in vectors.
        let less = greatest &- here
        greatest = greatest &- (less & (less &>> 31))
      }
      var position = greatest.max()
      for row in whole..<positions.count where unsafe places[row] < horizon {
        position = unsafe max(position, places[row])
      }
      return position < 0 ? nil : unsafe positions.firstIndex(of: position)
    }
  }

  /// All bits for those of eight rows that are before a position. Arithmetic stays in vectors.
  @unsafe @inline(__always)
  private static func isBefore(_ horizon: Int32, _ places: UnsafePointer<Int32>) -> SIMD8<Int32> {
    unsafe (SIMD8<Int32>.eight(places) &- horizon) &>> 31
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

extension SIMD8<Int32> {
  @unsafe @inline(__always)
  fileprivate static func eight(_ p: UnsafePointer<Int32>) -> SIMD8<Int32> {
    unsafe UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Int32>.self)
  }
}
