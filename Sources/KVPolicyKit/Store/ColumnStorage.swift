/// The numbers of one column of one lane: `width` entries for each of `stride` rows. The first
/// rows, as many as the lane has, are in use. The numbers of one entry are contiguous over the
/// rows.
///
/// Memory is allocated when an entry is first read or written: a policy that looks only at the end
/// of a prompt pays nothing while the prompt is read.
@safe final class ColumnStorage {
  // `base`, once allocated, holds width × stride initialised numbers; every index is below width ×
  // stride by construction.
  let column: Column
  private(set) var stride: Int
  @unsafe private var base: UnsafeMutableRawPointer?

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
    guard let source = unsafe other.base else { return }
    let target = unsafe memory()
    let size = column.element.size
    for index in 0..<column.width {
      unsafe (target + index * stride * size).copyMemory(
        from: source + index * other.stride * size, byteCount: count * size)
    }
  }

  deinit { unsafe base?.deallocate() }

  /// Bytes allocated.
  var bytes: Int { unsafe base == nil ? 0 : column.width * stride * column.element.size }

  /// The first number of an entry. `Number` is the type of the column's elements.
  @unsafe func entry<Number>(_ index: Int, _ element: Column.Element) -> UnsafeMutablePointer<
    Number
  > {
    precondition(index >= 0 && index < column.width, "no such entry in the column")
    precondition(column.element == element, "the column's numbers are of another kind")
    return unsafe (memory() + index * stride * element.size).assumingMemoryBound(to: Number.self)
  }

  /// One number of a row, whatever its kind.
  func number(_ entry: Int, row: Int) -> Float {
    guard let base = unsafe base else { return column.initial }
    let index = entry * stride + row
    return switch column.element {
    case .float: unsafe base.load(fromByteOffset: index * 4, as: Float.self)
    case .byte: unsafe Float(base.load(fromByteOffset: index, as: UInt8.self))
    case .count: unsafe Float(base.load(fromByteOffset: index * 4, as: UInt32.self))
    }
  }

  /// Gives new rows their initial numbers.
  func reset(_ rows: Range<Int>) {
    guard let base = unsafe base else { return }
    for index in 0..<column.width {
      unsafe initialise(base, index * stride + rows.lowerBound, count: rows.count)
    }
  }

  /// Moves the numbers of one row.
  func move(from source: Int, to target: Int) {
    guard let base = unsafe base else { return }
    if column.element == .byte {
      unsafe moveRow(base.assumingMemoryBound(to: UInt8.self), source, target)
    } else {
      unsafe moveRow(base.assumingMemoryBound(to: UInt32.self), source, target)
    }
  }

  @unsafe private func moveRow<Number>(
    _ numbers: UnsafeMutablePointer<Number>, _ source: Int, _ target: Int
  ) {
    let end = column.width &* stride
    var entry = 0
    while entry < end {
      unsafe numbers[entry &+ target] = unsafe numbers[entry &+ source]
      entry &+= stride
    }
  }

  /// Moves the numbers of row `order[r]` to row `r`, for every index `r` of `order`; `order` may be
  /// in any sequence. The numbers of later rows are left over.
  func reorder(_ order: [Int32]) {
    guard let base = unsafe base else { return }
    if column.element == .byte {
      unsafe reorder(base.assumingMemoryBound(to: UInt8.self), order)
    } else {
      unsafe reorder(base.assumingMemoryBound(to: UInt32.self), order)
    }
  }

  @unsafe private func reorder<Number>(
    _ numbers: UnsafeMutablePointer<Number>, _ order: [Int32]
  ) {
    for index in 0..<column.width {
      let entry = unsafe numbers + index * stride
      let values = order.map { unsafe entry[Int($0)] }
      for (row, value) in values.enumerated() { unsafe entry[row] = value }
    }
  }

  /// Changes the number of rows that fit, keeping the first `count` rows.
  func resize(stride newStride: Int, count: Int) {
    let resized = ColumnStorage(copying: self, count: count, stride: newStride)
    unsafe swap(&base, &resized.base)
    swap(&stride, &resized.stride)
  }

  @unsafe private func initialise(_ base: UnsafeMutableRawPointer, _ first: Int, count: Int) {
    switch column.element {
    case .float:
      unsafe (base + first * 4).initializeMemory(
        as: Float.self, repeating: column.initial, count: count)
    case .byte: unsafe (base + first).initializeMemory(as: UInt8.self, repeating: 0, count: count)
    case .count:
      unsafe (base + first * 4).initializeMemory(as: UInt32.self, repeating: 0, count: count)
    }
  }

  /// The address of the first number; allocates the memory at the first call.
  @unsafe private func memory() -> UnsafeMutableRawPointer {
    if let base = unsafe base { return unsafe base }
    let count = column.width * stride
    let fresh = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, count * column.element.size), alignment: 64)
    unsafe initialise(fresh, 0, count: count)
    unsafe base = unsafe fresh
    return unsafe fresh
  }
}
