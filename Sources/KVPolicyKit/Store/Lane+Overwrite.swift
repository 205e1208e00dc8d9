/// Writing over rows.
extension Lane {
  /// The row at a position; nil if the lane holds none.
  func row(at position: Int) -> Int? {
    guard isOrdered else { return positions.firstIndex { $0 == position } }
    let row = row(atOrAfter: position)
    return row < count && positions[row] == position ? row : nil
  }

  /// The shared pages that hold some of the last `rows` positions, which writing over them copies.
  func sharedPages(ofLast rows: Int, before position: Int) -> Int {
    var pages = Set<Int>()
    for position in max(0, position - rows)..<max(0, position) {
      guard let row = row(at: position) else { continue }
      let page = Int(slots[row]) / layout.pageRows
      if !isPrivate(self.pages[page]) { pages.insert(page) }
    }
    return pages.count
  }

  /// Writes over the key and value of a row that is not stored as codes. The row's page is copied
  /// first if a fork shares it, and the bounds of its page of positions are computed again. The
  /// row's position, place and columns stay.
  ///
  /// - Throws: `StoreError.poolFull` if a shared page cannot be copied.
  func overwrite(
    row: Int, _ write: (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
  ) throws(StoreError) {
    let slot = Int(slots[row])
    let page = slot / layout.pageRows
    if !isPrivate(pages[page]) { try ownPage(page) }
    unsafe write(address(slot: slot, value: false), address(slot: slot, value: true))
    renewBounds(at: positions[row])
  }

  /// Computes the bounds of one page of positions again, from the keys of all rows in it.
  private func renewBounds(at position: Int32) {
    guard let size = bounds?.size, let page = bounds?.index(of: position / Int32(clamping: size))
    else { return }
    bounds?.clear(page)
    let first = Int(position) / size * size
    let width = layout.headDimension
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { key in
      guard let key = key.baseAddress else { return }
      var row = isOrdered ? row(atOrAfter: first) : 0
      while row < count, !isOrdered || positions[row] < first + size {
        if (first..<first + size).contains(Int(positions[row])) {
          unsafe decode(row, value: false, to: key)
          unsafe bounds?.widen(page, by: key)
        }
        row += 1
      }
    }
  }
}
