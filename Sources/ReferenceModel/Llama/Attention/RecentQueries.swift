/// The queries of the last tokens in one layer, oldest first.
///
/// They are rotated under position rule `original`, otherwise un-rotated.
@safe final class RecentQueries {
  // The buffers hold `capacity` queries of `width` floats, of which `count` from `start` on are in
  // use. A setting names how many queries to keep, and no text may ever reach it, so memory is
  // allocated as queries arrive. Steps make room for twice as many queries as there are: they move
  // to the front only when the end is reached, so that most steps copy one query and not all.
  private let width: Int
  private let heads: Int
  private var capacity = 0
  private var start = 0
  private var buffer = FloatBuffer()
  private var sums = FloatBuffer()
  private(set) var positions: [Int] = []

  init(width: Int, heads: Int) {
    self.width = width
    self.heads = heads
  }

  var count: Int { positions.count }
  @unsafe var base: UnsafeMutablePointer<Float> { unsafe buffer.base + start * width }
  /// For each query and query head, the logarithm of the sum of exponentials over the rows it saw.
  @unsafe var logSums: UnsafeMutablePointer<Float> { unsafe sums.base + start * heads }

  /// An independent copy.
  func copy() -> RecentQueries {
    let copy = RecentQueries(width: width, heads: heads)
    (copy.buffer, copy.sums, copy.positions, copy.start) = (buffer, sums, positions, start)
    copy.moveToFront(room: count)
    return copy
  }

  /// Removes all but the last `kept` queries, and frees memory that steps do not need.
  func keepLast(_ kept: Int) {
    dropFirst(count - kept)
    if capacity > 2 * kept { moveToFront(room: count) }
  }

  /// Appends `added` queries at consecutive positions and removes the oldest queries beyond `room`.
  /// The caller then writes the new queries' `logSums`.
  @unsafe func append(
    _ queries: UnsafePointer<Float>, count added: Int, firstPosition: Int, room: Int
  ) {
    let fresh = min(added, room)
    dropFirst(count - (room - fresh))
    let total = count + fresh
    if start + total > capacity {
      moveToFront(room: max(capacity, added == 1 ? 2 * total : total))
    }
    unsafe (base + count * width).update(
      from: queries + (added - fresh) * width, count: fresh * width)
    positions += firstPosition + added - fresh..<firstPosition + added
  }

  private func dropFirst(_ dropped: Int) {
    guard dropped > 0 else { return }
    positions.removeFirst(dropped)
    start += dropped
  }

  /// Moves the queries to the front of buffers that have room for `room` queries.
  private func moveToFront(room: Int) {
    let (queries, totals) = unsafe (base, logSums)
    let old = (buffer, sums)
    if room != capacity {
      (buffer, sums, capacity) = (FloatBuffer(room * width), FloatBuffer(room * heads), room)
    }
    withExtendedLifetime(old) {
      unsafe buffer.base.update(from: queries, count: count * width)
      unsafe sums.base.update(from: totals, count: count * heads)
    }
    start = 0
  }
}
