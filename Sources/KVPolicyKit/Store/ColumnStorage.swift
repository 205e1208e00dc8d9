/// The numbers of one column of one lane: `width` entries, each `stride` floats of which the lane's
/// row count are in use. A new lane has a stride of 0: memory is taken as rows come.
@safe final class ColumnStorage {
  // `base` holds width × stride initialised floats; every index is below that by construction.
  let column: Column
  private(set) var stride: Int
  @unsafe private var base: UnsafeMutablePointer<Float>

  init(_ column: Column, stride: Int) {
    self.column = column
    self.stride = stride
    unsafe base = .allocate(capacity: column.width * stride)
    unsafe base.initialize(repeating: column.initial, count: column.width * stride)
  }

  /// A copy of the first `count` rows.
  init(copying other: ColumnStorage, count: Int, stride: Int) {
    column = other.column
    self.stride = stride
    unsafe base = .allocate(capacity: column.width * stride)
    for index in 0..<column.width {
      let start = unsafe base + index * stride
      unsafe start.initialize(from: other.entry(index), count: count)
      unsafe (start + count).initialize(repeating: column.initial, count: stride - count)
    }
  }

  deinit { unsafe base.deallocate() }

  var bytes: Int { column.width * stride * MemoryLayout<Float>.stride }

  /// First float of an entry.
  @unsafe func entry(_ index: Int) -> UnsafeMutablePointer<Float> {
    precondition(index >= 0 && index < column.width, "no such entry in the column")
    return unsafe base + index * stride
  }

  /// Gives new rows their initial numbers.
  func reset(_ rows: Range<Int>) {
    for index in 0..<column.width {
      unsafe (entry(index) + rows.lowerBound).update(
        repeating: column.initial, count: rows.count)
    }
  }

  /// Moves one row's numbers.
  func move(from source: Int, to target: Int) {
    for index in 0..<column.width {
      let start = unsafe base + index * stride
      unsafe start[target] = start[source]
    }
  }

  /// Moves the survivors together, in their order. `survivors` ascend.
  func compact(_ survivors: [Int32]) {
    for index in 0..<column.width {
      let start = unsafe base + index * stride
      for (target, source) in survivors.enumerated() { unsafe start[target] = start[Int(source)] }
    }
  }

  /// Changes the room for rows, keeping the first `count`.
  func resize(stride newStride: Int, count: Int) {
    let resized = ColumnStorage(copying: self, count: count, stride: newStride)
    unsafe swap(&base, &resized.base)
    swap(&stride, &resized.stride)
  }
}
