/// Consecutive rows of a lane, or of a list of its rows, whose codes lie one behind the other in
/// one block.
@safe package struct CodedRun {
  /// The numbers of the rows, or their indices in the list.
  package let rows: Range<Int>
  /// The index of the first row in the block.
  package let index: Int
  /// The block's tier.
  package let tier: Int
  /// The block's first byte, which is valid while the lane is not changed.
  @unsafe package let base: UnsafeRawPointer
}

extension CodedRows {
  /// The first run of a range's rows; nil if none of them is a code. O(rows before its end).
  @unsafe package func run(in range: Range<Int>) -> CodedRun? {
    var row = range.lowerBound
    let end = unsafe min(rowsInOrder, range.upperBound)
    while unsafe row >= end && row < range.upperBound && places[row] < 0 { row &+= 1 }
    guard row < range.upperBound, let (block, tier, index) = unsafe place(of: row) else {
      return nil
    }
    let most = unsafe min(range.upperBound &- row, layouts[tier].rows &- index)
    let count = unsafe row < end ? min(most, end &- row) : consecutive(from: row, atMost: most)
    return unsafe CodedRun(
      rows: row..<row &+ count, index: index, tier: tier, base: address(ofBlock: block))
  }

  /// How many rows have consecutive places, from a row on that is a code; at least 1.
  @unsafe @inline(__always) private func consecutive(from row: Int, atMost most: Int) -> Int {
    let first = unsafe places[row]
    var wanted = SIMD8<Int32>(0, 1, 2, 3, 4, 5, 6, 7) &+ first
    var count = 0
    while count &+ 8 <= most {
      let eight = unsafe UnsafeRawPointer(places + row + count)
      let difference = unsafe eight.loadUnaligned(as: SIMD8<Int32>.self) ^ wanted
      // The types are 128 bits. A comparison of vectors would be made element by element.
      let four = difference.lowHalf | difference.highHalf
      let two = unsafe unsafeBitCast(four, to: SIMD2<UInt64>.self)
      guard two.x | two.y == 0 else { break }
      wanted &+= 8
      count &+= 8
    }
    while count < most, unsafe places[row &+ count] == first &+ Int32(truncatingIfNeeded: count) {
      count &+= 1
    }
    return count
  }
}
