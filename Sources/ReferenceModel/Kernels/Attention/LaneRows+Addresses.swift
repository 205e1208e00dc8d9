import KVPolicyKit

/// Where the kernels of attention find the numbers of rows.
protocol RowAddresses {
  /// The first byte of the numbers of a key.
  @unsafe func key(_ row: Int) -> UnsafeRawPointer
  /// The first byte of the numbers of a value.
  @unsafe func value(_ row: Int) -> UnsafeRawPointer
  /// Prefetches, while the keys of three rows are multiplied, a part of what is read next.
  @unsafe func prefetch(beside first: Int, _ second: Int, _ third: Int)
}

extension LaneRows: @unsafe RowAddresses {
  /// The first byte of the key of live row `row`. The row is live, so its page exists.
  @unsafe @inline(__always)
  func key(_ row: Int) -> UnsafeRawPointer {
    unsafe address(row, second: false)
  }

  /// The first byte of the value of live row `row`.
  @unsafe @inline(__always)
  func value(_ row: Int) -> UnsafeRawPointer {
    unsafe address(row, second: true)
  }

  @unsafe @inline(__always)
  private func address(_ row: Int, second: Bool) -> UnsafeRawPointer {
    let slot = unsafe isDense ? row : Int(slots[row])
    let place = unsafe slot & (pageRows &- 1)
    // `pageRows` is a power of two.
    let page = unsafe pages[slot &>> pageRows.trailingZeroBitCount].unsafelyUnwrapped
    let index = unsafe second ? place &+ pageRows : place
    return unsafe UnsafeRawPointer(page) + index &* rowBytes
  }
}

/// Prefetching. A lane's pages may be anywhere in memory, and during the arithmetic of attention a
/// processor looks too little ahead. Without prefetching it would wait for each page in turn.
extension LaneRows {
  /// Prefetches the values, which are read once the block of rows has its logits, and the keys of
  /// three rows that are far enough ahead for memory to answer in time, if the lane has them.
  @unsafe @inline(__always)
  func prefetch(beside first: Int, _ second: Int, _ third: Int) {
    unsafe value(first).ask(bytes: rowBytes)
    unsafe value(second).ask(bytes: rowBytes)
    unsafe value(third).ask(bytes: rowBytes)
    let row = first &+ 32
    guard unsafe row &+ 3 <= count else { return }
    unsafe key(row).ask(bytes: rowBytes)
    unsafe key(row &+ 1).ask(bytes: rowBytes)
    unsafe key(row &+ 2).ask(bytes: rowBytes)
  }
}
