import KVPolicyKit

extension LaneRows {
  /// The first byte of the key of live row `row`. The row's page is there because the row is live.
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

/// Attention meets a lane's pages wherever they are in memory, and within its arithmetic a processor sees
/// too little of what comes next: without these it would wait for each page in turn.
extension LaneRows {
  /// Asks memory for the keys of three rows, if there are that many from `row` on.
  @unsafe @inline(__always)
  func askForKeys(_ row: Int) {
    guard unsafe row &+ 3 <= count else { return }
    unsafe key(row).ask(bytes: rowBytes)
    unsafe key(row &+ 1).ask(bytes: rowBytes)
    unsafe key(row &+ 2).ask(bytes: rowBytes)
  }

  /// Asks memory for the values of three live rows.
  @unsafe @inline(__always)
  func askForValues(_ first: Int, _ second: Int, _ third: Int) {
    unsafe value(first).ask(bytes: rowBytes)
    unsafe value(second).ask(bytes: rowBytes)
    unsafe value(third).ask(bytes: rowBytes)
  }
}
