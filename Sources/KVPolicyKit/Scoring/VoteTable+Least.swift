/// Finding the row.
extension VoteTable {
  /// What was found.
  struct Answer {
    /// The row with the least score; nil if that is not certain.
    var row: Int?
    /// Tiles that were scored.
    var scored = 1
    /// Whether the bounds leave too many rows.
    var isCrowded = false
  }

  /// Scores the row with the least bound, then all whose bounds are not above.
  func least() -> Answer {
    var answer = Answer()
    let first = rowOfLeastBound()
    let known = scoreExactly(first / 8)
    var (best, row) = (known[first % 8], first)
    var second = Float.infinity
    var limit = limit(best)
    guard rows(below: limit) <= VoteTable.crowd else {
      return Answer(row: nil, scored: 1, isCrowded: true)
    }
    for tile in 0..<tileCount {
      let isNear = bounds(tile) .< limit
      guard any(isNear) else { continue }
      let scores = tile == first / 8 ? known : scoreExactly(tile)
      if tile != first / 8 { answer.scored += 1 }
      for lane in 0..<8 where isNear[lane] && tile * 8 + lane != first {
        if scores[lane] < best {
          (second, best, row) = (best, scores[lane], tile * 8 + lane)
          limit = self.limit(best)
        } else if scores[lane] < second {
          second = scores[lane]
        }
      }
    }
    // All other rows have bounds, so scores, of at least the limit.
    answer.row = second >= limit && row < count ? row : nil
    return answer
  }

  /// Rows that are scored one by one at most.
  static let crowd = 48

  /// What a score must reach to be above `score` for certain, by whatever order of operations.
  ///
  /// Plain counting adds `count / 16 + 16` numbers for a denominator and `ring` votes; it errs by half a
  /// unit in the last place, 2⁻²⁴, each time, as do the scores here. The limit allows four times both.
  /// Scores near the least numbers there are have less precision, and stay below.
  private func limit(_ score: Float) -> Float {
    max(1e-20, score * (1 + Float(count / 16 + 2 * ring + 64) * 0x1p-22))
  }

  /// The exact scores of a tile's rows. Where a bound has lost its precision, the tile's are made anew.
  private func scoreExactly(_ tile: Int) -> Vector {
    let scores = unsafe score(tile, exact)
    let bound = bounds(tile)
    var excess = scores * 0.125 - bound
    excess.replace(with: 0, where: bound .== .infinity)
    guard excess.max() > 0 else { return scores }
    let fresh = unsafe score(tile, scales) * (1 - slack)
    unsafe Softmax.store(
      bound.replacing(with: fresh, where: bound .< .infinity), bounds, tile * 8, count)
    return scores
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

  private func rows(below limit: Float) -> Int {
    var number = SIMD8<Int32>.zero
    for tile in 0..<tileCount {
      let bound = bounds(tile)
      number.replace(with: number &+ 1, where: bound .< limit)
    }
    return Int(number.wrappedSum())
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
