/// Choosing rows by score. Among equal scores the lower position wins, and NaN counts as −∞, so
/// that a choice never depends on how rows happen to be numbered.
public enum Selection {
  /// The `count` candidates with the largest scores, in ascending row number.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - candidates: row numbers, none twice.
  ///   - scores: one score per row of the lane.
  ///   - positions: one position per row of the lane, none twice.
  /// - Precondition: every candidate has a score and a position, as for an index of an array.
  /// - Complexity: O(n), plus the sorting of the result.
  public static func largest(
    _ count: Int, of candidates: [Int], by scores: [Float], positions: Span<Int32>
  ) -> [Int] {
    guard count > 0 else { return [] }
    guard count < candidates.count else { return candidates.sorted() }
    let keys = candidates.map { RowKey.of(scores[$0].rank, positions[$0]) }
    let least = RowKey.threshold(keeping: count, of: keys.count) { keys[$0] }
    return candidates.indices.filter { keys[$0] >= least }.map { candidates[$0] }.sorted()
  }

  /// Appends the indices of the `count` largest of the scores in a range, ascending and counted from
  /// the range's first. Of equal scores the lower index wins.
  ///
  /// - Precondition: the range is one of `scores`.
  /// - Complexity: O(n); allocates nothing if `chosen` has the room.
  public static func largest(
    _ count: Int, of scores: [Float], in range: Range<Int>, into chosen: inout [Int]
  ) {
    guard count > 0 else { return }
    guard count < range.count else { return chosen.append(contentsOf: 0..<range.count) }
    unsafe scores[range].withUnsafeBufferPointer { scores in
      guard let base = scores.baseAddress else { return }
      unsafe ScoreRun(base: base, count: scores.count).appendLargest(count, to: &chosen)
    }
  }
}

/// Consecutive scores, of which some are chosen.
@unsafe private struct ScoreRun {
  // `base` has `count` numbers.
  let base: UnsafePointer<Float>
  let count: Int

  /// Appends the indices of the `wanted` largest scores, where 0 < wanted < count.
  func appendLargest(_ wanted: Int, to chosen: inout [Int]) {
    let (least, equals) = unsafe threshold(keeping: wanted)
    let leastRank = least.rank
    var left = equals
    for index in unsafe 0..<count {
      // Not for a NaN, which ranks as −∞.
      if unsafe base[index] < least { continue }
      let rank = unsafe base[index].rank
      guard rank > leastRank || rank == leastRank && left > 0 else { continue }
      left -= rank == leastRank ? 1 : 0
      chosen.append(index)
    }
  }

  /// The least of the `wanted` largest scores, and how many of the scores that equal it are chosen;
  /// this may be more than there are.
  ///
  /// Bisects the floats by their rank, counting the scores that are at least one of them.
  private func threshold(keeping wanted: Int) -> (least: Float, equals: Int) {
    // At least `wanted` scores rank from `low` on. Fewer rank from `high` on: `greater` scores.
    var (low, high) = (Int((-Float.infinity).rank), Int(Float.infinity.rank) + 1)
    var greater = 0
    while high - low > 1 {
      let middle = (low + high) >> 1
      let least = Float(rank: Int32(truncatingIfNeeded: middle))
      let number = unsafe number(atLeast: least)
      if number == wanted { return (least, wanted) }
      if number > wanted { low = middle } else { (high, greater) = (middle, number) }
    }
    return (Float(rank: Int32(truncatingIfNeeded: low)), wanted - greater)
  }

  /// How many scores are at least a number above −∞. The compiler makes vectors of this loop, which
  /// it does not of a loop over a range.
  private func number(atLeast least: Float) -> Int {
    var (number, index) = (Int32(0), 0)
    while unsafe index < count {
      number &+= unsafe base[index] >= least ? 1 : 0
      index &+= 1
    }
    return Int(number)
  }
}

extension CachePlan {
  /// Keeps the protected rows and the `count` best of the unprotected rows. Writes no edit if there
  /// are no more than `count` unprotected rows, and a drop of one row if there is one too many.
  ///
  /// - Parameters:
  ///   - count: how many rows to keep beside the protected ones.
  ///   - lane: the lane to edit.
  ///   - scores: one score per row; a higher one is better.
  ///   - protection: rows that stay whatever their scores.
  /// - Precondition: `count` is not negative, and every row of the lane has a score. It runs in
  ///   every step, so a mistake in a policy's code traps.
  /// - Complexity: O(n), eight rows at a time if one row goes; allocates nothing once the plan has
  ///   been used.
  public mutating func keepBest(
    _ count: Int, of lane: borrowing LaneView, by scores: Span<Float>,
    protecting protection: Protection = Protection()
  ) {
    keepBest(count, of: lane, ranking: scores, protection)
  }

  /// Keeps the best rows by counts, of which 31 bits are compared. The precondition is the same as
  /// for floats.
  public mutating func keepBest(
    _ count: Int, of lane: borrowing LaneView, by scores: Span<UInt32>,
    protecting protection: Protection = Protection()
  ) {
    keepBest(count, of: lane, ranking: scores, protection)
  }

  /// Keeps only the protected rows.
  ///
  /// - Complexity: O(n), eight rows at a time if one row goes.
  public mutating func keepProtected(_ protection: Protection, of lane: borrowing LaneView) {
    // Any scores would do, because no unprotected row is kept; positions are at hand.
    keepBest(0, of: lane, ranking: lane.positions, protection)
  }

  private mutating func keepBest<Score: RankedScore>(
    _ count: Int, of lane: borrowing LaneView, ranking scores: Span<Score>,
    _ protection: Protection
  ) {
    let (id, exposed) = (lane.id, protection.exposed(of: lane.length))
    let positions = lane.positions
    precondition(count >= 0 && scores.count >= positions.count, "one score for each row")
    // Both spans hold at least `positions.count` numbers, as just checked, while the closures run.
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

/// A row's worth as one number: its score's rank in the upper half; in the lower half its position,
/// a lower position being worth more.
private enum RowKey {
  static func of(_ rank: Int32, _ position: Int32) -> UInt64 {
    // Never `.max`, the key of protected rows: the top bit of the lower half is always clear.
    UInt64(UInt32(bitPattern: rank) ^ 0x8000_0000) << 32 | UInt64(Int32.max - position)
  }

  /// The least of the `count` largest keys, where 0 < count ≤ n. Only `.max` may occur more than
  /// once, and at most `count` times.
  ///
  /// A radix selection that fixes bytes from the highest down: a histogram of the keys that agree
  /// with the bytes fixed so far yields the next byte. Often a few bytes suffice.
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

/// 256 counters that need no heap memory.
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
  // Both pointers have `count` numbers.
  let scores: UnsafePointer<Score>
  let positions: UnsafePointer<Int32>
  let count: Int
  /// The positions that are not protected.
  let exposed: Range<Int32>

  /// A row's key; `.max` for a protected row.
  func key(_ row: Int) -> UInt64 {
    let position = unsafe positions[row]
    guard unsafe exposed.contains(position) else { return .max }
    return RowKey.of(unsafe scores[row].rank, position)
  }

  /// The number of unprotected rows, and the first of them to go: the row with the lowest score
  /// and, among equal scores, the highest position.
  func worst() -> (candidates: Int, row: Int) {
    var least = Score.most
    var inside = SIMD8<Int32>.zero
    var first = 0
    while unsafe first < count {
      let here = unsafe eight(first)
      // A set element of the mask is −1.
      inside &-= here.isExposed
      least = Score.lesser(least, here.scores, where: here.isExposed)
      first &+= 8
    }
    // Among equal scores the position decides.
    let score = Score.least(of: least)
    var furthest = SIMD8<Int32>(repeating: -1)
    first = 0
    while unsafe first < count {
      let here = unsafe eight(first)
      let isWorst = here.isExposed & Score.equals(here.scores, score)
      furthest = larger(furthest, here.positions & isWorst | ~isWorst)
      first &+= 8
    }
    return (Int(inside.wrappedSum()), unsafe row(at: furthest.max()))
  }

  /// The row at a position; 0 if no row has this position.
  private func row(at position: Int32) -> Int {
    var first = 0
    while unsafe first &+ 8 <= count {
      let place = unsafe UnsafeRawPointer(positions + first).loadUnaligned(as: SIMD8<Int32>.self)
      if isZero(place ^ SIMD8(repeating: position)).wrappedSum() != 0 { break }
      first &+= 8
    }
    while unsafe first < count {
      if unsafe positions[first] == position { return first }
      first &+= 1
    }
    return 0
  }

  /// Eight rows from `first` on, or as many as there are. Elements without a row are not exposed.
  @inline(__always)
  private func eight(_ first: Int) -> (
    scores: Score.Eight, positions: SIMD8<Int32>, isExposed: SIMD8<Int32>
  ) {
    var places = SIMD8<Int32>(repeating: -1)
    var eight = Score.most
    if unsafe first &+ 8 <= count {
      places = unsafe UnsafeRawPointer(positions + first).loadUnaligned(as: SIMD8<Int32>.self)
      eight = unsafe Score.eight(scores + first)
    } else {
      for row in unsafe first..<count {
        places[row &- first] = unsafe positions[row]
        Score.set(&eight, row &- first, unsafe scores[row])
      }
    }
    let (least, end) = unsafe (exposed.lowerBound, exposed.upperBound)
    return (eight, places, ~isBefore(places, least) & isBefore(places, end))
  }
}

// The elements of a mask have all bits set or none. Masks are made by arithmetic, because
// comparisons of integer vectors do not stay in vector registers.

/// Whether each position is before `horizon`; none is so far away that the difference overflows.
@inline(__always)
private func isBefore(_ positions: SIMD8<Int32>, _ horizon: Int32) -> SIMD8<Int32> {
  (positions &- SIMD8(repeating: horizon)) &>> 31
}

@inline(__always)
private func isZero(_ x: SIMD8<Int32>) -> SIMD8<Int32> { ~((x | (0 &- x)) &>> 31) }

/// The larger of two numbers of at least −1.
@inline(__always)
private func larger(_ a: SIMD8<Int32>, _ b: SIMD8<Int32>) -> SIMD8<Int32> {
  let less = a &- b
  return a &- (less & (less &>> 31))
}

/// A score that can be ranked, the higher the better.
private protocol RankedScore {
  /// Eight scores.
  associatedtype Eight
  /// The score as an integer that ascends with it.
  var rank: Int32 { get }
  /// Eight copies of the largest score.
  static var most: Eight { get }
  /// The scores from an address on.
  @unsafe static func eight(_ scores: UnsafePointer<Self>) -> Eight
  static func set(_ eight: inout Eight, _ index: Int, _ score: Self)
  /// The lesser of `a` and `b` where the mask is set, else `a`.
  static func lesser(_ a: Eight, _ b: Eight, where mask: SIMD8<Int32>) -> Eight
  static func least(of eight: Eight) -> Self
  /// A mask of the scores that equal `score`.
  static func equals(_ eight: Eight, _ score: Self) -> SIMD8<Int32>
}

/// NaN counts as −∞, and −0 as 0.
extension Float: RankedScore {
  /// The bits of non-negative floats ascend with the floats. Of a negative float all bits but the
  /// sign are inverted.
  fileprivate var rank: Int32 {
    let bits = Int32(bitPattern: isNaN ? (-Float.infinity).bitPattern : (self + 0).bitPattern)
    return bits ^ (bits &>> 31 & 0x7FFF_FFFF)
  }

  /// The float of a rank, which is that of no NaN.
  fileprivate init(rank: Int32) {
    self.init(bitPattern: UInt32(bitPattern: rank ^ (rank &>> 31 & 0x7FFF_FFFF)))
  }

  fileprivate static var most: SIMD8<Float> { SIMD8(repeating: .infinity) }

  @unsafe @inline(__always)
  fileprivate static func eight(_ scores: UnsafePointer<Float>) -> SIMD8<Float> {
    let x = unsafe UnsafeRawPointer(scores).loadUnaligned(as: SIMD8<Float>.self)
    return SIMD8(repeating: -.infinity).replacing(with: x, where: x .== x)
  }

  fileprivate static func set(_ eight: inout SIMD8<Float>, _ index: Int, _ score: Float) {
    eight[index] = score.isNaN ? -.infinity : score
  }

  @inline(__always)
  fileprivate static func lesser(
    _ a: SIMD8<Float>, _ b: SIMD8<Float>, where mask: SIMD8<Int32>
  ) -> SIMD8<Float> {
    // Both types have eight 32-bit elements; where the mask is not set, b becomes +∞.
    let bits = unsafe unsafeBitCast(b, to: SIMD8<Int32>.self)
    let others = SIMD8<Int32>(repeating: 0x7F80_0000)
    let shown = unsafe unsafeBitCast(bits & mask | others & ~mask, to: SIMD8<Float>.self)
    return a.replacing(with: shown, where: shown .< a)
  }

  fileprivate static func least(of eight: SIMD8<Float>) -> Float { eight.min() }

  @inline(__always)
  fileprivate static func equals(_ eight: SIMD8<Float>, _ score: Float) -> SIMD8<Int32> {
    let all = SIMD8<Float>(repeating: Float(bitPattern: .max))
    let mask = SIMD8<Float>.zero.replacing(with: all, where: eight .== score)
    // Both types have eight 32-bit elements.
    return unsafe unsafeBitCast(mask, to: SIMD8<Int32>.self)
  }
}

/// Counts above 2³¹ − 1 rank as 2³¹ − 1.
extension UInt32: RankedScore {
  fileprivate var rank: Int32 { Int32(clamping: self) }

  fileprivate static var most: SIMD8<Int32> { SIMD8(repeating: .max) }

  @unsafe @inline(__always)
  fileprivate static func eight(_ scores: UnsafePointer<UInt32>) -> SIMD8<Int32> {
    let x = unsafe UnsafeRawPointer(scores).loadUnaligned(as: SIMD8<Int32>.self)
    // The top bit would be the sign.
    return (x | x &>> 31) & SIMD8(repeating: .max)
  }

  fileprivate static func set(_ eight: inout SIMD8<Int32>, _ index: Int, _ score: UInt32) {
    eight[index] = score.rank
  }

  @inline(__always)
  fileprivate static func lesser(
    _ a: SIMD8<Int32>, _ b: SIMD8<Int32>, where mask: SIMD8<Int32>
  ) -> SIMD8<Int32> { Int32.lesser(a, b, where: mask) }

  fileprivate static func least(of eight: SIMD8<Int32>) -> UInt32 { UInt32(eight.min()) }

  @inline(__always)
  fileprivate static func equals(_ eight: SIMD8<Int32>, _ score: UInt32) -> SIMD8<Int32> {
    Int32.equals(eight, score.rank)
  }
}

/// Positions: never negative.
extension Int32: RankedScore {
  fileprivate var rank: Int32 { self }

  fileprivate static var most: SIMD8<Int32> { SIMD8(repeating: .max) }

  @unsafe @inline(__always)
  fileprivate static func eight(_ scores: UnsafePointer<Int32>) -> SIMD8<Int32> {
    unsafe UnsafeRawPointer(scores).loadUnaligned(as: SIMD8<Int32>.self)
  }

  fileprivate static func set(_ eight: inout SIMD8<Int32>, _ index: Int, _ score: Int32) {
    eight[index] = score
  }

  @inline(__always)
  fileprivate static func lesser(
    _ a: SIMD8<Int32>, _ b: SIMD8<Int32>, where mask: SIMD8<Int32>
  ) -> SIMD8<Int32> {
    // Both are at least 0, so their difference cannot overflow.
    let less = b &- a
    return a &+ (less & (less &>> 31) & mask)
  }

  fileprivate static func least(of eight: SIMD8<Int32>) -> Int32 { eight.min() }

  @inline(__always)
  fileprivate static func equals(_ eight: SIMD8<Int32>, _ score: Int32) -> SIMD8<Int32> {
    isZero(eight ^ SIMD8(repeating: score))
  }
}
