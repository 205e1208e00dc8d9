/// Choosing rows by score. Equal scores go to the lower position, and a score that is not a number is
/// below every other, so that a choice never depends on how rows happen to be numbered.
public enum Selection {
  /// The `count` candidates with the largest scores, in ascending row number.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - candidates: row numbers, none twice.
  ///   - scores: one score per row of the lane.
  ///   - positions: one position per row of the lane, none twice.
  /// - Complexity: O(n), and the sorting of the answer.
  public static func largest(
    _ count: Int, of candidates: [Int], by scores: [Float], positions: Span<Int32>
  ) -> [Int] {
    guard count > 0 else { return [] }
    guard count < candidates.count else { return candidates.sorted() }
    let keys = candidates.map { RowKey.of(scores[$0].rank, positions[$0]) }
    let least = RowKey.threshold(keeping: count, of: keys.count) { keys[$0] }
    return candidates.indices.filter { keys[$0] >= least }.map { candidates[$0] }.sorted()
  }
}

extension CachePlan {
  /// Keeps the `count` best rows of those that are not protected, beside those that are. Writes nothing
  /// where no more are there, and a drop of one row where one is too many.
  ///
  /// - Parameters:
  ///   - count: how many rows to keep beside the protected ones.
  ///   - lane: the lane to edit.
  ///   - scores: one score per row; a higher one is better.
  ///   - protection: rows that stay whatever their scores.
  /// - Complexity: O(n), eight rows at a time where one row goes; allocates nothing once the plan has been
  ///   used.
  public mutating func keepBest(
    _ count: Int, of lane: borrowing LaneView, by scores: Span<Float>,
    protecting protection: Protection = Protection()
  ) {
    keepBest(count, of: lane, ranking: scores, protection)
  }

  /// The same by whole numbers.
  public mutating func keepBest(
    _ count: Int, of lane: borrowing LaneView, by scores: Span<UInt32>,
    protecting protection: Protection = Protection()
  ) {
    keepBest(count, of: lane, ranking: scores, protection)
  }

  /// Keeps the protected rows alone.
  ///
  /// - Complexity: O(n), eight rows at a time where one row goes.
  public mutating func keepProtected(_ protection: Protection, of lane: borrowing LaneView) {
    // Positions serve as scores: the store says of which numbers a row's score is compared, and none is kept.
    keepBest(0, of: lane, ranking: lane.positions, protection)
  }

  private mutating func keepBest<Score: RankedScore>(
    _ count: Int, of lane: borrowing LaneView, ranking scores: Span<Score>,
    _ protection: Protection
  ) {
    let (id, exposed) = (lane.id, protection.exposed(of: lane.length))
    let positions = lane.positions
    precondition(count >= 0 && scores.count >= positions.count, "one score for each row")
    // Both hold at least `positions.count` numbers, as just checked, while the closures run.
    unsafe scores.withUnsafeBufferPointer { scores in
      unsafe positions.withUnsafeBufferPointer { positions in
        guard let scores = scores.baseAddress, let places = positions.baseAddress else { return }
        let ranking = unsafe LaneRanking(
          scores: scores, positions: places, count: positions.count, exposed: exposed)
        unsafe keepBest(count, of: id, ranking)
      }
    }
  }

  @unsafe private mutating func keepBest<Score>(
    _ count: Int, of lane: LaneID, _ ranking: LaneRanking<Score>
  ) {
    let (candidates, worst) = unsafe ranking.worst()
    guard candidates > count else { return }
    if candidates == count + 1 { return drop(worst, of: lane) }
    let rows = unsafe ranking.count
    let kept = rows - candidates + count
    guard kept > 0 else { return keep(EmptyCollection(), of: lane) }
    let least = RowKey.threshold(keeping: kept, of: rows) { unsafe ranking.key($0) }
    keep((0..<rows).lazy.filter { unsafe ranking.key($0) >= least }, of: lane)
  }
}

/// A row's worth as one number: its score's rank, then its position, the lower the better.
private enum RowKey {
  static func of(_ rank: Int32, _ position: Int32) -> UInt64 {
    // Below `.max`, which is left for protected rows: a position is never negative.
    UInt64(UInt32(bitPattern: rank) ^ 0x8000_0000) << 32 | UInt64(~UInt32(bitPattern: position))
  }

  /// The least of the `count` largest keys, 0 < count ≤ n, of which only `.max` may occur twice, and no
  /// more than `count` times.
  ///
  /// Bytes are decided from the highest down: a histogram of the keys that agree so far tells which value
  /// the next one has. Often a few bytes say enough.
  static func threshold(keeping count: Int, of n: Int, _ key: (Int) -> UInt64) -> UInt64 {
    var (prefix, mask, wanted) = (UInt64(0), UInt64(0), count)
    var histogram = SIMDHistogram()
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      histogram.clear()
      for row in 0..<n {
        let bits = key(row)
        if bits & mask == prefix { histogram.add(Int(bits &>> shift & 255)) }
      }
      var digit = 255
      while digit > 0, histogram[digit] < wanted {
        wanted -= histogram[digit]
        digit -= 1
      }
      prefix |= UInt64(digit) << shift
      mask |= 255 << shift
      if histogram[digit] == wanted { return prefix }
    }
    return prefix
  }
}

/// 256 counters without memory of their own.
private struct SIMDHistogram {
  private var counters = (
    SIMD64<Int32>.zero, SIMD64<Int32>.zero, SIMD64<Int32>.zero, SIMD64<Int32>.zero
  )

  mutating func clear() { counters = (.zero, .zero, .zero, .zero) }

  mutating func add(_ digit: Int) {
    unsafe withUnsafeMutableBytes(of: &counters) { bytes in
      // Digits are bytes, and there are 256 counters.
      unsafe bytes.assumingMemoryBound(to: Int32.self)[digit] += 1
    }
  }

  subscript(digit: Int) -> Int {
    unsafe withUnsafeBytes(of: counters) { bytes in
      Int(unsafe bytes.assumingMemoryBound(to: Int32.self)[digit])
    }
  }
}

/// The rows of a lane with their scores.
@unsafe private struct LaneRanking<Score: RankedScore> {
  // Both hold `count` numbers.
  let scores: UnsafePointer<Score>
  let positions: UnsafePointer<Int32>
  let count: Int
  /// The positions that are not protected.
  let exposed: Range<Int32>

  /// A row's key; a protected row's is the largest of all.
  func key(_ row: Int) -> UInt64 {
    let position = unsafe positions[row]
    guard unsafe exposed.contains(position) else { return .max }
    return RowKey.of(unsafe scores[row].rank, position)
  }

  /// How many rows are exposed, and which of them goes first: the one with the least score, of equals the
  /// one furthest on.
  func worst() -> (candidates: Int, row: Int) {
    var least = SIMD8<Int32>(repeating: .max)
    var inside = SIMD8<Int32>.zero
    var first = 0
    while unsafe first < count {
      let here = unsafe eight(first)
      inside.replace(with: inside &+ 1, where: here.isExposed)
      least = least.replacing(with: here.ranks, where: here.isExposed .& (here.ranks .< least))
      first &+= 8
    }
    // Among equals the position decides.
    let rank = least.min()
    var furthest = SIMD8<Int32>(repeating: -1)
    first = 0
    while unsafe first < count {
      let here = unsafe eight(first)
      let isWorse = here.isExposed .& (here.ranks .== rank) .& (here.positions .> furthest)
      furthest.replace(with: here.positions, where: isWorse)
      first &+= 8
    }
    return (Int(inside.wrappedSum()), unsafe row(at: furthest.max()))
  }

  /// The row at a position; 0 if there is none.
  private func row(at position: Int32) -> Int {
    var first = 0
    while unsafe first &+ 8 <= count {
      let place = unsafe UnsafeRawPointer(positions + first).loadUnaligned(as: SIMD8<Int32>.self)
      if any(place .== position) { break }
      first &+= 8
    }
    while unsafe first < count {
      if unsafe positions[first] == position { return first }
      first &+= 1
    }
    return 0
  }

  /// Eight rows from `first` on, as far as there are so many.
  @inline(__always)
  private func eight(_ first: Int) -> (
    ranks: SIMD8<Int32>, positions: SIMD8<Int32>, isExposed: SIMDMask<SIMD8<Int32>>
  ) {
    // A place without a row has position −1, before any range.
    var places = SIMD8<Int32>(repeating: -1)
    var ranks = SIMD8<Int32>.zero
    if unsafe first &+ 8 <= count {
      places = unsafe UnsafeRawPointer(positions + first).loadUnaligned(as: SIMD8<Int32>.self)
      ranks = unsafe Score.ranks(scores + first)
    } else {
      for row in unsafe first..<count {
        places[row &- first] = unsafe positions[row]
        ranks[row &- first] = unsafe scores[row].rank
      }
    }
    let isExposed = unsafe (places .>= exposed.lowerBound) .& (places .< exposed.upperBound)
    return (ranks, places, isExposed)
  }
}

/// A score that can be ranked: as a whole number, the higher the better.
private protocol RankedScore {
  var rank: Int32 { get }
  /// The ranks of the eight scores from an address on.
  @unsafe static func ranks(_ scores: UnsafePointer<Self>) -> SIMD8<Int32>
}

extension Float: RankedScore {
  /// Bits of floats ascend with them, but for those of negative ones, and −0 is 0.
  fileprivate var rank: Int32 {
    let bits = Int32(bitPattern: (self + 0).bitPattern)
    return isNaN ? .min : bits ^ (bits &>> 31 & 0x7FFF_FFFF)
  }

  @unsafe @inline(__always)
  fileprivate static func ranks(_ scores: UnsafePointer<Float>) -> SIMD8<Int32> {
    let values = unsafe UnsafeRawPointer(scores).loadUnaligned(as: SIMD8<Float>.self) + 0
    // Eight 32-bit lanes both, and every bit pattern is an integer.
    let bits = unsafe unsafeBitCast(values, to: SIMD8<Int32>.self)
    let ranks = bits ^ (bits &>> 31 & 0x7FFF_FFFF)
    return ranks.replacing(with: .min, where: values .!= values)
  }
}

extension UInt32: RankedScore {
  fileprivate var rank: Int32 { Int32(bitPattern: self ^ 0x8000_0000) }

  @unsafe @inline(__always)
  fileprivate static func ranks(_ scores: UnsafePointer<UInt32>) -> SIMD8<Int32> {
    let values = unsafe UnsafeRawPointer(scores).loadUnaligned(as: SIMD8<UInt32>.self)
    return SIMD8<Int32>(truncatingIfNeeded: values ^ 0x8000_0000)
  }
}

extension Int32: RankedScore {
  fileprivate var rank: Int32 { self }

  @unsafe @inline(__always)
  fileprivate static func ranks(_ scores: UnsafePointer<Int32>) -> SIMD8<Int32> {
    unsafe UnsafeRawPointer(scores).loadUnaligned(as: SIMD8<Int32>.self)
  }
}
