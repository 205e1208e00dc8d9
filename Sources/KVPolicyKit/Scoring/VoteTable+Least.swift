/// Finding the row.
extension VoteTable {
  /// What was found.
  struct Answer {
    /// The row with the least score; nil if that is not certain.
    var row: Int?
    /// Rows that were scored.
    var scored = 0
    /// Whether the bounds leave too many rows.
    var isCrowded = false
  }

  /// The row with the least score; nil if that is not certain. Makes new bounds when theirs are over.
  func least(
    _ state: inout RunningVotes.State, newest: Int, tokens: Int, horizon: Int32
  ) -> Int? {
    guard prepareExact() else {
      state.stop()
      return nil
    }
    state.count(to: tokens)
    if state.end < tokens || state.scored > tileCount {
      state.startPeriod(at: tokens, tiles: tileCount, longest: ring)
      makeBounds(newest: newest, horizon: horizon, steps: state.period)
    }
    var answer = least()
    while answer.isCrowded, state.start != tokens || state.period > 1 {
      state.shortenPeriod(at: tokens)
      makeBounds(newest: newest, horizon: horizon, steps: state.period)
      answer = least()
    }
    state.scored += answer.scored
    return answer.row
  }

  /// Scores the row with the least bound, and again the row with the least of the other bounds, until
  /// that is above the least score.
  func least() -> Answer {
    var answer = Answer()
    var (best, second) = (Float.infinity, Float.infinity)
    var limit = Float.infinity
    var tried = 0
    while true {
      let row = rowOfLeastBound()
      // With +∞ there is no row left.
      guard unsafe row < count && bounds[row] < limit else { break }
      guard tried < VoteTable.crowd else {
        answer.isCrowded = true
        break
      }
      let score = scoreExactly(row)
      // Out of the way until the rest is seen.
      unsafe triedRows[tried] = (row, bounds[row])
      unsafe bounds[row] = .infinity
      tried += 1
      if score < best {
        (second, best, answer.row) = (best, score, row)
        limit = self.limit(best)
      } else if !(score >= second) {
        second = score
      }
    }
    for index in 0..<tried { unsafe bounds[triedRows[index].row] = triedRows[index].bound }
    answer.scored = tried
    // All other rows have bounds, so scores, of at least the limit.
    if answer.isCrowded || !(second >= limit) { answer.row = nil }
    return answer
  }

  /// Rows that are scored one by one at most.
  static let crowd = 32

  /// What a score must reach to be above `score` for certain, by whatever order of operations.
  ///
  /// Plain counting adds `count / 16 + 16` numbers for a denominator and `ring` votes; it errs by half a
  /// unit in the last place, 2⁻²⁴, each time, as do the scores here. The limit allows four times both.
  /// Scores near the least numbers there are have less precision, and stay below.
  private func limit(_ score: Float) -> Float {
    max(1e-20, score * (1 + Float(count / 16 + 2 * ring + 64) * 0x1p-22))
  }

  /// The exact score of a row. If its bound has lost its precision, its tile's are made anew.
  private func scoreExactly(_ row: Int) -> Float {
    let tile = row / 8
    let score = unsafe score(tile, exact)[row % 8]
    if unsafe bounds[row] < score * 0.125 {
      let fresh = unsafe self.score(tile, scales) * (1 - slack)
      let bound = bounds(tile)
      unsafe Softmax.store(
        bound.replacing(with: fresh, where: bound .< .infinity), bounds, tile * 8, count)
    }
    return score
  }

  private func rowOfLeastBound() -> Int {
    var least = Vector(repeating: .infinity)
    var places = SIMD8<Int32>.zero
    for tile in 0..<tileCount {
      // Beyond the rows `load` gives −∞.
      let bound = bounds(tile)
      let isLess = bound .< least
      least.replace(with: bound, where: isLess)
      places.replace(with: Int32(tile), where: isLess)
    }
    let value = least.min()
    for lane in 0..<8 where least[lane] == value { return Int(places[lane]) * 8 + lane }
    return 0
  }

  /// The bounds of a tile; +∞ beyond the rows.
  @inline(__always)
  private func bounds(_ tile: Int) -> Vector {
    let row = tile &* 8
    let bound = unsafe Softmax.load(bounds, row, count)
    guard row &+ 8 > count else { return bound }
    return bound.replacing(with: .infinity, where: bound .== -.infinity)
  }
}
