extension Lane {
  /// The most pages that appending `rows` rows may take.
  func pagesNeeded(for rows: Int) -> Int {
    guard rows > 0 else { return 0 }
    if isDense {
      let total = (count + rows + layout.pageRows - 1) / layout.pageRows
      let tailIsShared = count % layout.pageRows != 0 && !(pages.last.map(isPrivate) ?? true)
      return total - pages.count + (tailIsShared ? 1 : 0)
    }
    let room = pages.reduce(0) {
      $0 + (isPrivate($1) ? layout.pageRows - $1.live.nonzeroBitCount : 0)
    }
    return (max(0, rows - room) + layout.pageRows - 1) / layout.pageRows
  }

  /// Appends rows for the tokens at `newPositions`. `write` stores each row's key and value; it is
  /// given the row's number and the addresses of its key and its value.
  ///
  /// - Throws: `StoreError.poolFull`, but never if `pagesNeeded` pages are free.
  func append(
    _ newPositions: Range<Int>,
    write: (Int, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
  ) throws(StoreError) {
    let first = count
    growColumns(to: first + newPositions.count)
    // The furthest place, looked up once: a look-up for each row would cost O(rows²) in a prompt.
    var place = rule == .placed ? (places.max() ?? -1) : Int32(places.count) - 1
    for position in newPositions {
      let slot = try freeSlot()
      markLive(slot)
      if let last = positions.last, last > position { isOrdered = false }
      positions.append(Int32(position))
      slots.append(Int32(slot))
      place += 1
      if rule != .original { places.append(place) }
      unsafe write(
        count - 1, address(slot: slot, value: false), address(slot: slot, value: true))
    }
    for index in columns.indices { ownColumn(index).reset(first..<count) }
    extendPlaces()
    if bounds != nil { addToBounds(first..<count) }
  }

  /// Adds the keys of some rows to the bounds. Their positions ascend, and lie in the bounds' last
  /// page or after it.
  func addToBounds(_ rows: some Sequence<Int>) {
    let width = layout.headDimension
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { key in
      guard let key = key.baseAddress else { return }
      for row in rows {
        unsafe decode(row, value: false, to: key)
        unsafe bounds?.add(key, at: positions[row])
      }
    }
  }

  func isPrivate(_ page: PageReference) -> Bool {
    page.id >= 0 && pool.isPrivate(page.id)
  }

  private func markLive(_ slot: Int) {
    pages[slot / layout.pageRows].live |= 1 << UInt64(slot % layout.pageRows)
  }

  /// A slot that may be written: in a dense lane the next slot, else a free slot of a private page,
  /// else the first slot of a new page, which takes the index of a page that was given back, if
  /// any.
  private func freeSlot() throws(StoreError) -> Int {
    if isDense {
      let slot = count
      let page = slot / layout.pageRows
      if page == pages.count {
        try addPage()
      } else if !isPrivate(pages[page]) {
        try ownPage(page)
      }
      return slot
    }
    for (index, page) in pages.enumerated() where page.live != layout.fullMask && isPrivate(page) {
      return index * layout.pageRows + (~page.live).trailingZeroBitCount
    }
    guard let gap = pages.firstIndex(where: { $0.id < 0 }) else {
      try addPage()
      return (pages.count - 1) * layout.pageRows
    }
    let page = try pool.allocate()
    pages[gap].id = page
    pagesHeld += 1
    unsafe addresses[gap] = unsafe pool.address(page)
    return gap * layout.pageRows
  }

  private func addPage() throws(StoreError) {
    let page = try pool.allocate()
    pages.append(PageReference(id: page, live: 0))
    pagesHeld += 1
    unsafe addresses.append(pool.address(page))
  }

  /// Copies a shared page before it is written.
  func ownPage(_ index: Int) throws(StoreError) {
    let copy = try pool.allocate()
    let source = unsafe pool.address(pages[index].id)
    unsafe pool.address(copy).copyMemory(from: source, byteCount: layout.pageBytes)
    pool.release(pages[index].id)
    pages[index].id = copy
    unsafe addresses[index] = unsafe pool.address(copy)
  }

  /// The stride of columns that have stride `stride` and must hold `rows` rows. Columns grow by at
  /// least an eighth, so that growth costs O(1) per row and little memory is unused.
  func columnRoom(_ stride: Int, for rows: Int) -> Int {
    guard stride < rows else { return stride }
    let larger = max(rows, stride * 9 / 8)
    return (larger + layout.pageRows - 1) / layout.pageRows * layout.pageRows
  }

  private func growColumns(to rows: Int) {
    for index in columns.indices where columns[index].stride < rows {
      let room = columnRoom(columns[index].stride, for: rows)
      ownColumn(index).resize(stride: room, count: count)
    }
  }
}
