/// The numbers of one column of one lane: `width` entries for each of `stride` rows, of which the lane's
/// row count are in use.
///
/// `run` rows of an entry are contiguous: all of them, or in a column of votes a tile. A tile holds every
/// entry of its rows.
///
/// No memory is taken before an entry is first read or written: a policy that looks only at the end of a
/// prompt pays nothing while the prompt is read.
@safe final class ColumnStorage {
  // `base`, once there, holds width × stride initialised floats; every index is below that by
  // construction.
  let column: Column
  private(set) var stride: Int
  @unsafe private var base: UnsafeMutablePointer<Float>?
  /// Per voter of a column of votes: the tokens read when it was written. It says something of the rows
  /// of exactly those tokens. There when `base` is.
  private var stamps: [Int32]
  /// The latest of the stamps, so that the row of a token that no voter knows is moved without reading them.
  private var latestStamp: Int32 = 0

  /// Rows of a tile: one vector.
  static let tileRows = 8

  init(_ column: Column, stride: Int) {
    self.column = column
    self.stride = ColumnStorage.whole(stride, column)
    stamps = []
    unsafe base = nil
  }

  /// A copy of the first `count` rows.
  init(copying other: ColumnStorage, count: Int, stride: Int) {
    column = other.column
    self.stride = ColumnStorage.whole(stride, column)
    stamps = []
    unsafe base = nil
    guard let source = unsafe other.base else { return }
    let target = unsafe memory()
    stamps = other.stamps
    latestStamp = other.latestStamp
    if isTiled {
      // Both have room for whole tiles, and a tile lies where it did whatever the stride.
      let floats = ColumnStorage.whole(count, column) * column.width
      unsafe target.update(from: source, count: floats)
      return
    }
    for index in 0..<column.width {
      unsafe (target + index * self.stride).update(
        from: source + index * other.stride, count: count)
    }
  }

  deinit { unsafe base?.deallocate() }

  /// Whether the column is one of votes.
  var isTiled: Bool { column.heads > 0 }

  /// Bytes taken.
  var bytes: Int {
    unsafe base == nil ? 0 : (column.width * stride + stamps.count) * MemoryLayout<Float>.stride
  }

  /// First float of an entry that is contiguous over the rows.
  @unsafe func entry(_ index: Int) -> UnsafeMutablePointer<Float> {
    precondition(index >= 0 && index < column.width, "no such entry in the column")
    precondition(!isTiled, "votes are not contiguous over the rows")
    return unsafe memory() + index * stride
  }

  /// First float of the tiles. The entry `e` of row `r` is `(r / 8 · width + e) · 8 + r % 8` further on.
  @unsafe func tiles() -> UnsafeMutablePointer<Float> {
    precondition(isTiled, "only votes are in tiles")
    return unsafe memory()
  }

  /// Notes that the voter of an entry spoke when so many tokens had been read.
  func stamp(entry: Int, tokens: Int) {
    _ = unsafe memory()
    stamps[entry / column.heads] = Int32(tokens)
    latestStamp = max(latestStamp, Int32(tokens))
  }

  /// One number of the row of the token at `position`; 0 where it is undefined.
  func number(_ entry: Int, row: Int, position: Int32) -> Float {
    guard let base = unsafe base else { return column.initial }
    if isTiled && stamps[entry / column.heads] <= position { return 0 }
    return unsafe base[place(entry, row)]
  }

  /// Gives new rows their initial numbers, if any are defined.
  func reset(_ rows: Range<Int>) {
    guard !isTiled, let base = unsafe base else { return }
    for index in 0..<column.width {
      unsafe (base + index * stride + rows.lowerBound)
        .update(repeating: column.initial, count: rows.count)
    }
  }

  /// Moves the numbers of the row of the token at `position`, as far as they are defined.
  func move(from source: Int, to target: Int, position: Int32) {
    guard let base = unsafe base else { return }
    guard isTiled else {
      for index in 0..<column.width {
        unsafe base[index * stride + target] = unsafe base[index * stride + source]
      }
      return
    }
    guard latestStamp > position else { return }
    for (voter, stamp) in stamps.enumerated() where stamp > position {
      for entry in voter * column.heads..<(voter + 1) * column.heads {
        unsafe base[place(entry, target)] = unsafe base[place(entry, source)]
      }
    }
  }

  /// Moves the survivors together, in their order. `survivors` ascend.
  func compact(_ survivors: [Int32]) { rearrange(survivors.indices.map { Int(survivors[$0]) }) }

  /// Row `r` gets the numbers of row `order[r]`, which is not below `r` or not needed any more.
  private func rearrange(_ order: [Int]) {
    guard let base = unsafe base else { return }
    for index in 0..<column.width {
      for (target, source) in order.enumerated() {
        unsafe base[place(index, target)] = unsafe base[place(index, source)]
      }
    }
  }

  /// Row `r` gets the numbers of row `order[r]`, in any order.
  func reorder(_ order: [Int]) {
    guard let base = unsafe base else { return }
    for index in 0..<column.width {
      let values = order.map { unsafe base[place(index, $0)] }
      for (row, value) in values.enumerated() { unsafe base[place(index, row)] = value }
    }
  }

  /// Changes the room for rows, keeping the first `count`.
  func resize(stride newStride: Int, count: Int) {
    let resized = ColumnStorage(copying: self, count: count, stride: newStride)
    unsafe swap(&base, &resized.base)
    swap(&stride, &resized.stride)
  }

  /// Where an entry's number of a row is.
  private func place(_ entry: Int, _ row: Int) -> Int {
    guard isTiled else { return entry * stride + row }
    let rows = ColumnStorage.tileRows
    return (row / rows * column.width + entry) * rows + row % rows
  }

  /// Rows rounded up to whole tiles, if the column has any.
  private static func whole(_ rows: Int, _ column: Column) -> Int {
    column.heads > 0 ? (rows + tileRows - 1) / tileRows * tileRows : rows
  }

  /// The first float; takes the memory if there is none yet. On a cache line, so that tiles are.
  @unsafe private func memory() -> UnsafeMutablePointer<Float> {
    if let base = unsafe base { return unsafe base }
    let count = column.width * stride
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
    let fresh = unsafe bytes.initializeMemory(
      as: Float.self, repeating: column.initial, count: count)
    unsafe base = fresh
    if isTiled { stamps = Array(repeating: 0, count: column.width / column.heads) }
    return unsafe fresh
  }
}
