/// A step's signals over all rows of the lanes, where attention read some rows only.
@safe struct SpreadSignals {
  /// Floats from one query head's signals to the next head's: the rows of the longest lane.
  let stride: Int
  @unsafe let logits: UnsafeMutablePointer<Float>  // queryHeads × stride
  @unsafe let probabilities: UnsafeMutablePointer<Float>  // queryHeads × stride

  /// Makes room for the signals of a layer.
  init(_ scratch: Scratch, heads: Int, stride: Int) {
    self.stride = stride
    unsafe logits = scratch.spread.room(2 * heads * stride)
    unsafe probabilities = logits + heads * stride
  }

  /// Writes a query head's numbers to their rows, and `rest` to all other rows.
  ///
  /// - Parameters:
  ///   - numbers: one number for each row that the head read.
  ///   - count: how many rows it read.
  ///   - rows: these rows, in the order of the numbers; nil for all rows, in their order.
  ///   - isProbability: whether the numbers are probabilities, else logits.
  @unsafe func spread(
    _ numbers: UnsafePointer<Float>, _ count: Int, _ rows: ArraySlice<Int32>?, filling rest: Float,
    _ head: Int, _ isProbability: Bool
  ) {
    let target = unsafe (isProbability ? probabilities : logits) + head * stride
    guard let rows else { return unsafe target.update(from: numbers, count: count) }
    unsafe target.update(repeating: rest, count: stride)
    // Rows of a lane are below its count, and no lane has more than `stride` rows.
    for (index, row) in rows.enumerated() { unsafe target[Int(row)] = numbers[index] }
  }
}
