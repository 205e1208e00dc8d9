import KVPolicyKit

/// Where the kernels of attention find the numbers of rows.
protocol RowAddresses {
  /// The first byte of the numbers of a key.
  @unsafe func key(_ row: Int) -> UnsafeRawPointer
  /// The first byte of the numbers of a value.
  @unsafe func value(_ row: Int) -> UnsafeRawPointer
  /// Prefetches a part of what is read next, while the keys of some rows are multiplied.
  @unsafe func prefetch(beside first: Int, count: Int)
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

  /// How many rows, from a row on and before `end`, are in consecutive slots of a page: their keys
  /// are contiguous, and so are their values. A row without a slot is alone.
  @unsafe @inline(__always)
  func contiguousRows(from row: Int, to end: Int) -> Int {
    let slot = unsafe isDense ? row : Int(slots[row])
    // `pageRows` is a power of two, so that slot -1 is the last of a page.
    let room = unsafe min(end &- row, pageRows &- slot & (pageRows &- 1))
    guard unsafe !isDense else { return room }
    var count = 1
    while unsafe count < room && Int(slots[row &+ count]) == slot &+ count { count &+= 1 }
    return count
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
  /// rows that are far enough ahead for memory to answer in time, if the lane has them. `more` is a
  /// literal at each use.
  @unsafe @inline(__always)
  func prefetch(beside first: Int, count more: Int) {
    guard unsafe first &+ more <= count else { return }
    for row in first..<first &+ more { unsafe value(row).ask(bytes: rowBytes) }
    let next = first &+ 32
    guard unsafe next &+ more <= count else { return }
    for row in next..<next &+ more { unsafe key(row).ask(bytes: rowBytes) }
  }
}
