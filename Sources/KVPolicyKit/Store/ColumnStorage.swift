/// The numbers of one column of one lane: `width` entries, each `stride` floats of which the lane's
/// row count are in use.
///
/// No memory is taken before an entry is first read or written: a policy that looks only at the end of a
/// prompt pays nothing while the prompt is read.
@safe final class ColumnStorage {
  // `base`, once there, holds width × stride initialised floats; every index is below that by
  // construction.
  let column: Column
  private(set) var stride: Int
  @unsafe private var base: UnsafeMutablePointer<Float>?

  init(_ column: Column, stride: Int) {
    self.column = column
    self.stride = stride
    unsafe base = nil
  }

  /// A copy of the first `count` rows.
  init(copying other: ColumnStorage, count: Int, stride: Int) {
    column = other.column
    self.stride = stride
    unsafe base = nil
    guard unsafe other.base != nil else { return }
    for index in 0..<column.width {
      unsafe entry(index).update(from: other.entry(index), count: count)
    }
  }

  deinit { unsafe base?.deallocate() }

  /// Bytes taken.
  var bytes: Int {
    unsafe base == nil ? 0 : column.width * stride * MemoryLayout<Float>.stride
  }

  /// First float of an entry.
  @unsafe func entry(_ index: Int) -> UnsafeMutablePointer<Float> {
    precondition(index >= 0 && index < column.width, "no such entry in the column")
    if let base = unsafe base { return unsafe base + index * stride }
    let fresh = UnsafeMutablePointer<Float>.allocate(capacity: column.width * stride)
    unsafe fresh.initialize(repeating: column.initial, count: column.width * stride)
    unsafe base = fresh
    return unsafe fresh + index * stride
  }

  /// Gives new rows their initial numbers.
  func reset(_ rows: Range<Int>) {
    unsafe forEachEntry { entry in
      unsafe (entry + rows.lowerBound).update(repeating: column.initial, count: rows.count)
    }
  }

  /// Moves one row's numbers.
  func move(from source: Int, to target: Int) {
    unsafe forEachEntry { unsafe $0[target] = $0[source] }
  }

  /// Moves the survivors together, in their order. `survivors` ascend.
  func compact(_ survivors: [Int32]) {
    unsafe forEachEntry { entry in
      for (target, source) in survivors.enumerated() { unsafe entry[target] = entry[Int(source)] }
    }
  }

  /// Changes the room for rows, keeping the first `count`.
  func resize(stride newStride: Int, count: Int) {
    let resized = ColumnStorage(copying: self, count: count, stride: newStride)
    unsafe swap(&base, &resized.base)
    swap(&stride, &resized.stride)
  }

  /// Every entry that takes memory.
  @inline(__always)
  @unsafe private func forEachEntry(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    guard let base = unsafe base else { return }
    for index in 0..<column.width { unsafe body(base + index * stride) }
  }
}
