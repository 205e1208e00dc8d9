/// The queries of a prompt's last tokens in one layer, oldest first: rotated under position rule
/// `original`, else not. They are there while a prompt is read.
@safe final class RecentQueries {
  // The buffer holds at least `count` queries of `width` floats; `count` never exceeds `room`,
  // which a setting names and no prompt may ever reach, so memory is taken as queries come.
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
  /// For each query and query head, the logarithm of the sum of its exponentials over what it saw.
  @unsafe var logSums: UnsafeMutablePointer<Float> { unsafe sums.base }

  /// Forgets the queries and gives their memory back.
  func removeAll() {
    positions = []
    buffer = FloatBuffer()
    sums = FloatBuffer()
  }

  /// Appends `added` queries at consecutive positions, letting go of the oldest ones; their sums
  /// are yet to be written.
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

  /// Makes the buffer hold `queries` and keeps those that are in it.
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
