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
  /// Of rows that are codes it adds a row's block, and goes on with the row behind the block: in
  /// most lanes the rows of a block are neighbours. It goes on by 16 to 32 rows at a time.
  mutating func append(_ rows: LaneRows, _ range: Range<Int>, value: Bool) {
    guard let codes = unsafe rows.codes, let side = unsafe value ? codes.values : codes.keys else {
      return unsafe append(rows, whole: range, value: value)
    }
    var row = unsafe append(inOrder: side, range)
    var (last, blocks) = (-1, 0)
    while row < range.upperBound {
      guard let block = unsafe side.block(ofRow: row) else {
        unsafe append(rows, whole: row..<min(row + 16, range.upperBound), value: value)
        row += 16
        continue
      }
      row += unsafe max(16, min(block.rows, 32))
      guard unsafe block.number != last else { continue }
      (last, blocks) = unsafe (block.number, blocks + 1)
      if let base = unsafe block.memory.baseAddress {
        unsafe append(base, bytes: block.memory.count)
      }
    }
    // The addresses of the next blocks are mostly behind the last block's address. A prefetch
    // cannot fault, so there may be fewer addresses and places.
    unsafe append(side.note(ofBlock: last + 1), bytes: 8 * blocks)
    guard unsafe range.upperBound > side.rowsInOrder else { return }
    unsafe append(side.places + range.upperBound, bytes: 4 * range.count)
  }

  /// Adds the blocks of the rows that lie in order, and returns the first row behind these rows.
  /// First come the addresses of the next blocks, which are read before the blocks.
  private mutating func append(inOrder side: CodedRows, _ range: Range<Int>) -> Int {
    let end = unsafe min(range.upperBound, side.rowsInOrder)
    guard range.lowerBound < end else { return range.lowerBound }
    let shift = unsafe side.blockShift
    let (first, last) = (range.lowerBound &>> shift, (end &- 1) &>> shift)
    unsafe append(side.note(ofBlock: last &+ 1), bytes: 8 &* (last &- first &+ 1))
    let bytes = unsafe side.layouts[0].bytes
    for block in first...last { unsafe append(side.address(ofBlock: block), bytes: bytes) }
    return end
  }

  /// Adds the keys, or the values, of rows in the store's format. Contiguous rows become one piece.
  private mutating func append(_ rows: LaneRows, whole: Range<Int>, value: Bool) {
    var row = whole.lowerBound
    while row < whole.upperBound {
      let count = unsafe rows.contiguousRows(from: row, to: whole.upperBound)
      if unsafe rows.slots[row] >= 0 {
        let first = unsafe value ? rows.value(row) : rows.key(row)
        unsafe append(first, bytes: count * rows.rowBytes)
      }
      row += count
    }
  }
}
