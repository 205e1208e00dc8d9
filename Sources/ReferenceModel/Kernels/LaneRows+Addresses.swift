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
