/// The queries of a prompt's last tokens in one layer, oldest first.
///
/// They are rotated under position rule `original`, otherwise un-rotated, and kept only while a
/// prompt is read.
@safe final class RecentQueries {
  // The buffer holds at least `count` queries of `width` floats, and `count` never exceeds `room`.
  // A setting names `room`, and no prompt may ever reach it, so memory is allocated as queries
  // arrive.
  private let room: Int
  private let width: Int
  private let heads: Int
  private var buffer = FloatBuffer()
  private var sums = FloatBuffer()
  private(set) var positions: [Int] = []

  init(room: Int, width: Int, heads: Int) {
    self.room = room
    self.width = width
    self.heads = heads
  }

  var count: Int { positions.count }
  @unsafe var base: UnsafeMutablePointer<Float> { unsafe buffer.base }
  /// For each query and query head, the logarithm of the sum of exponentials over the rows it saw.
  @unsafe var logSums: UnsafeMutablePointer<Float> { unsafe sums.base }

  /// Removes the queries and frees their memory.
  func removeAll() {
    positions = []
    buffer = FloatBuffer()
    sums = FloatBuffer()
  }

  /// Appends `added` queries at consecutive positions and removes the oldest queries beyond `room`.
  /// The caller then writes the new queries' `logSums`.
  @unsafe func append(_ queries: UnsafePointer<Float>, count added: Int, firstPosition: Int) {
    let fresh = min(added, room)
    let kept = min(count, room - fresh)
    grow(to: kept + fresh)
    if kept < count {
      unsafe buffer.base.update(from: buffer.base + (count - kept) * width, count: kept * width)
      unsafe sums.base.update(from: sums.base + (count - kept) * heads, count: kept * heads)
      positions.removeFirst(count - kept)
    }
    unsafe (buffer.base + kept * width).update(
      from: queries + (added - fresh) * width, count: fresh * width)
    positions += firstPosition + added - fresh..<firstPosition + added
  }

  /// Grows the buffers to hold `queries` queries and keeps their contents.
  private func grow(to queries: Int) {
    guard queries * width > buffer.capacity else { return }
    let larger = FloatBuffer(queries * width)
    unsafe larger.base.update(from: buffer.base, count: count * width)
    buffer = larger
    let moreSums = FloatBuffer(queries * heads)
    unsafe moreSums.base.update(from: sums.base, count: count * heads)
    sums = moreSums
  }
}
