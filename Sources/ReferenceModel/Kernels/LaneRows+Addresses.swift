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

extension LaneRows {
  /// Brings the keys and values of some rows into the cache: all their lines are asked for at once.
  ///
  /// Attention meets a lane's pages wherever they are in memory, and a wait for each of them in turn: within
  /// its arithmetic a processor sees too little of what comes next. Here it sees nothing else.
  ///
  /// - Returns: something that depends on all of them. Whoever stores it keeps the reading from being
  ///   optimised away.
  @unsafe @inline(never)
  func fetch(_ range: Range<Int>) -> UInt8 {
    var sum: UInt8 = 0
    for row in range {
      let (key, value) = unsafe (key(row), value(row))
      var offset = 0
      while unsafe offset < rowBytes {
        sum ^= unsafe key.load(fromByteOffset: offset, as: UInt8.self)
        sum ^= unsafe value.load(fromByteOffset: offset, as: UInt8.self)
        offset &+= 64
      }
    }
    return sum
  }
}
