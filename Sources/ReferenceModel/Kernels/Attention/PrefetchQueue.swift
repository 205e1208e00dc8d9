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
  mutating func divide(among rows: Int) { unsafe share = unsafe (lines * 256 + rows) / max(rows, 1) }

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
  /// Adds the keys, or the values, of some rows of a lane; and what tells where the codes of as many
  /// rows behind them are.
  mutating func append(_ rows: LaneRows, _ range: Range<Int>, value: Bool) {
    guard let codes = unsafe rows.codes else {
      return unsafe append(rows, whole: range, value: value)
    }
    let side = unsafe value ? codes.values : codes.keys
    var (row, count) = (range.lowerBound, 0)
    while let run = unsafe side.run(in: row..<range.upperBound) {
      unsafe append(rows, whole: row..<run.rows.lowerBound, value: value)
      (row, count) = (run.rows.upperBound, count + 1)
      unsafe append(run, side.layouts[run.tier])
      if row == range.upperBound {
        unsafe append(run.entry + CodedRun.entryBytes, bytes: count * CodedRun.entryBytes)
      }
    }
    unsafe append(rows, whole: row..<range.upperBound, value: value)
    // A prefetch cannot fault, so the lane may have fewer places.
    unsafe append(side.places + range.upperBound, bytes: 4 * range.count)
  }

  /// Adds the codes of a run, and the scales of its block.
  private mutating func append(_ run: CodedRun, _ layout: CodeBlock) {
    if layout.isByWord || run.rows.count == layout.rows {
      return unsafe append(run.base, bytes: layout.bytes)
    }
    let codes = unsafe run.base + layout.firstCode + run.index &* layout.rowBytes
    unsafe append(codes, bytes: run.rows.count &* layout.rowBytes)
    if run.index == 0 { unsafe append(run.base, bytes: layout.firstCode) }
  }

  /// Adds the keys, or the values, of rows in the store's format.
  private mutating func append(_ rows: LaneRows, whole: Range<Int>, value: Bool) {
    for row in whole {
      unsafe append(value ? rows.value(row) : rows.key(row), bytes: rows.rowBytes)
    }
  }
}
