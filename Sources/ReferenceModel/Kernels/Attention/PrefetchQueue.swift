import KVPolicyKit

/// Memory that kernels prefetch little by little while they multiply.
///
/// A processor has few reads of memory under way at a time: prefetching many lines at once would
/// wait for most of them.
@unsafe struct PrefetchQueue {
  // `pieces` has room for `most` pieces, and `next ≤ count ≤ most`.

  /// A contiguous piece of memory.
  @unsafe struct Piece {
    var first: UnsafeRawPointer
    /// Lines of 64 bytes.
    var lines: Int
  }

  /// The most pieces of a queue. What does not fit is not prefetched.
  static let most = 512

  private let pieces: UnsafeMutablePointer<Piece>
  private var count = 0
  private var next = 0
  /// Lines of all pieces.
  private var lines = 0
  /// Lines to prefetch beside each row, and lines that are due, in 256ths.
  private var (share, due) = (0, 0)

  init(_ pieces: UnsafeMutablePointer<Piece>) { unsafe self.pieces = unsafe pieces }

  /// Adds some bytes.
  @inline(__always)
  mutating func append(_ address: UnsafeRawPointer, bytes: Int) {
    guard unsafe count < Self.most, bytes > 0 else { return }
    let start = Int(bitPattern: UInt(bitPattern: address) & 63)
    let piece = unsafe Piece(first: address - start, lines: (start &+ bytes &+ 63) / 64)
    unsafe pieces[count] = piece
    unsafe (count, lines) = unsafe (count &+ 1, lines &+ piece.lines)
  }

  /// Divides the lines among some rows.
  mutating func divide(among rows: Int) {
    unsafe share = unsafe (lines * 256 + rows) / max(rows, 1)
  }

  /// Prefetches the share of some rows.
  @inline(__always)
  mutating func ask(rows: Int) {
    unsafe due &+= rows &* share
    var left = unsafe due &>> 8
    unsafe due &= 255
    while left > 0, unsafe next < count {
      let piece = unsafe pieces[next]
      let lines = unsafe min(left, piece.lines)
      unsafe piece.first.ask(bytes: 64 &* lines)
      left &-= lines
      if unsafe lines == piece.lines {
        unsafe next &+= 1
      } else {
        unsafe pieces[next].first = unsafe piece.first + 64 &* lines
        unsafe pieces[next].lines = piece.lines &- lines
      }
    }
  }
}

extension PrefetchQueue {
  /// Adds the keys, or the values, of some rows of a lane. It also adds the lane's tables which say
  /// where the next rows' codes are.
  ///
  /// Of rows that are codes it adds the blocks of every 16th row: in most lanes the rows of a block
  /// are neighbours, and a block has 16 rows or more.
  mutating func append(_ rows: LaneRows, _ range: Range<Int>, value: Bool) {
    guard let codes = unsafe rows.codes, let side = unsafe value ? codes.values : codes.keys else {
      return unsafe append(rows, whole: range, value: value)
    }
    var (last, blocks) = (-1, 0)
    for first in stride(from: range.lowerBound, to: range.upperBound, by: 16) {
      let place = unsafe Int(side.places[first])
      guard place >= 0 else {
        unsafe append(rows, whole: first..<min(first + 16, range.upperBound), value: value)
        continue
      }
      let block = place / CodeBlock.placesPerBlock
      guard block != last else { continue }
      (last, blocks) = (block, blocks + 1)
      unsafe append(side.address(ofBlock: block), bytes: side.bytes(ofBlock: block))
    }
    // The entries of the next blocks are mostly behind the last block's entry. A prefetch cannot
    // fault, so there may be fewer entries and places.
    unsafe append(side.entry(ofBlock: last + 1), bytes: blocks * CodedRows.entryBytes)
    unsafe append(side.places + range.upperBound, bytes: 4 * range.count)
  }

  /// Adds the keys, or the values, of rows in the store's format.
  private mutating func append(_ rows: LaneRows, whole: Range<Int>, value: Bool) {
    for row in whole where unsafe rows.slots[row] >= 0 {
      unsafe append(value ? rows.value(row) : rows.key(row), bytes: rows.rowBytes)
    }
  }
}
