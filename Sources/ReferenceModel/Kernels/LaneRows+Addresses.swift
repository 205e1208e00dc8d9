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

/// Asks for the line of memory at `address` without waiting for it: the compiler's own function, which no
/// module of the toolchain declares. It wants literals: 0 to read, 3 to keep, 1 for data.
@_silgen_name("llvm.prefetch.p0")
@unsafe private func prefetch(
  _ address: UnsafeRawPointer, _ write: Int32, _ locality: Int32, _ data: Int32)

/// Attention meets a lane's pages wherever they are in memory, and within its arithmetic a processor sees
/// too little of what comes next: without these it would wait for each page in turn.
extension LaneRows {
  /// Asks memory for the keys of three rows, if there are that many from `row` on.
  @unsafe @inline(__always)
  func askForKeys(_ row: Int) {
    guard unsafe row &+ 3 <= count else { return }
    unsafe ask(key(row))
    unsafe ask(key(row &+ 1))
    unsafe ask(key(row &+ 2))
  }

  /// Asks memory for the values of three live rows.
  @unsafe @inline(__always)
  func askForValues(_ first: Int, _ second: Int, _ third: Int) {
    unsafe ask(value(first))
    unsafe ask(value(second))
    unsafe ask(value(third))
  }

  @unsafe @inline(__always)
  private func ask(_ address: UnsafeRawPointer) {
    var offset = 0
    while unsafe offset < rowBytes {
      unsafe prefetch(address + offset, 0, 3, 1)
      offset &+= 64
    }
  }
}
