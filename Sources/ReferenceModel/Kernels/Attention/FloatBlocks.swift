import KVPolicyKit

/// Rows of floats in blocks, as they lie where a codec stores fewer channels of a whole prompt: one
/// behind the other from the lane's first row on. Kernels read them in place, without a list.
@unsafe struct FloatBlocks: @unsafe RowAddresses {
  // Rows are below `count`, and so in blocks that the lane holds.

  /// Numbers of a row, and whether they are 32-bit floats, else 16-bit floats.
  let (width, isWide): (Int, Bool)
  /// The number of the lane's first rows that lie so.
  let count: Int
  private let own: BlockAddresses
  /// What is read next: of keys the values, if they lie so too.
  private let next: BlockAddresses

  /// The keys, or the values, of a lane's first rows; nil if the first row does not lie so.
  init?(_ rows: LaneRows, value: Bool) {
    guard let codes = unsafe rows.codes, let side = unsafe value ? codes.values : codes.keys,
      let own = unsafe BlockAddresses(side)
    else { return nil }
    unsafe (width, isWide) = unsafe (side.layouts[0].width, side.layouts[0].isWide)
    unsafe (count, self.own) = unsafe (side.rowsInOrder, own)
    let values = unsafe codes.values.flatMap { unsafe BlockAddresses($0) }
    unsafe next = unsafe values ?? own
  }

  @inline(__always)
  func key(_ row: Int) -> UnsafeRawPointer { unsafe own.row(row) }
  @inline(__always)
  func value(_ row: Int) -> UnsafeRawPointer { unsafe own.row(row) }

  /// As for rows in the store's format: see `LaneRows.prefetch`.
  @inline(__always)
  func prefetch(beside first: Int, count more: Int) {
    for row in first..<first &+ more { unsafe next.ask(row) }
    for row in first &+ 32..<first &+ 32 &+ more { unsafe own.ask(row) }
  }
}

/// Where the rows of blocks of floats are.
@unsafe private struct BlockAddresses {
  private let blocks: UnsafePointer<UnsafeMutableRawPointer?>
  private let (shift, mask): (Int, Int)
  private let rowBytes: Int
  private let count: Int

  /// Nil if no row lies in order, or rows are not floats.
  init?(_ side: CodedRows) {
    guard unsafe side.rowsInOrder > 0, unsafe side.layouts[0].storedBits == 0 else { return nil }
    unsafe blocks = side.addresses
    unsafe (shift, mask) = unsafe (side.blockShift, 1 &<< side.blockShift &- 1)
    unsafe (rowBytes, count) = unsafe (side.layouts[0].rowBytes, side.rowsInOrder)
  }

  @inline(__always)
  func row(_ row: Int) -> UnsafeRawPointer {
    let base = unsafe blocks[row &>> shift].unsafelyUnwrapped
    return unsafe UnsafeRawPointer(base + (row & mask) &* rowBytes)
  }

  /// Prefetches a row, if there is one.
  @inline(__always)
  func ask(_ row: Int) {
    guard unsafe row < count else { return }
    unsafe self.row(row).ask(bytes: rowBytes)
  }
}
