extension Lane {
  /// Drops one row; the last row takes its number.
  func drop(row: Int) {
    guard !hasCodes else { return keep((0..<Int32(count)).filter { $0 != row }) }
    let last = count - 1
    let slot = Int(slots[row])
    bounds?.remove(positions[row])
    if isDense && pool.isPrivate(pages[row / layout.pageRows].id) {
      // Private and dense: the last row's key and value move into the freed slot.
      if row != last { unsafe copyRow(from: last, to: slot) }
      unmark(slot: last)
    } else {
      if row != last { slots[row] = slots[last] }
      isDense = isDense && row == last
      unmark(slot: slot)
    }
    slots.removeLast()
    if row != last {
      positions[row] = positions[last]
      isOrdered = false
      for index in columns.indices {
        ownColumn(index).move(from: last, to: row)
      }
    }
    positions.removeLast()
    dropPlace(row)
    dropped += 1
    compactIfWorthwhile()
  }

  /// Drops several rows: few of them one by one, many by moving the survivors together.
  func drop(rows: [Int32]) {
    if rows.count <= 4 && !hasCodes {
      // From the highest number down, so that the last row, which moves, is never a row to be
      // dropped.
      for row in rows.sorted(by: >) { drop(row: Int(row)) }
    } else {
      var isDropped = [Bool](repeating: false, count: count)
      for row in rows { isDropped[Int(row)] = true }
      keep((0..<Int32(count)).filter { !isDropped[Int($0)] })
    }
  }

  /// Drops all rows but `survivors` (ascending), which move together in their order.
  func keep(_ survivors: [Int32]) {
    dropped += count - survivors.count
    // Columns come first: a shared column is copied up to `count`, which shrinks with the positions
    // below.
    for index in columns.indices { compactColumn(index, survivors) }
    let wasPrivate = !hasCodes && isDense && pages.allSatisfy { pool.isPrivate($0.id) }
    if wasPrivate {
      pack(survivors)
      slots.removeLast(count - survivors.count)
    } else {
      var isKept = [Bool](repeating: false, count: count)
      for row in survivors { isKept[Int(row)] = true }
      for row in 0..<count where !isKept[row] { free(row: row) }
      slots = survivors.map { slots[Int($0)] }
      reorderPlaces(survivors)
      isDense = slots.enumerated().allSatisfy { $0.offset == Int($0.element) }
    }
    positions = survivors.map { positions[Int($0)] }
    if rule != .original { places = survivors.map { places[Int($0)] } }
    if rule == .compacted { compactPlaces() }
    compactIfWorthwhile()
    renewBounds()
  }

  /// Clears a slot's bit in the live mask; a page without live rows goes back to the pool.
  func unmark(slot: Int) {
    let index = slot / layout.pageRows
    pages[index].live &= ~(1 << UInt64(slot % layout.pageRows))
    guard pages[index].live == 0 else { return }
    pool.release(pages[index].id)
    pagesReturned += 1
    pages[index].id = -1
    pagesHeld -= 1
    unsafe addresses[index] = nil
    while let last = pages.last, last.id < 0 {
      pages.removeLast()
      unsafe addresses.removeLast()
    }
  }

  private func compactColumn(_ index: Int, _ survivors: [Int32]) {
    let column = ownColumn(index)
    column.reorder(survivors)
    let needed = (survivors.count + 2 * layout.pageRows - 1) / layout.pageRows * layout.pageRows
    if needed + needed / 8 < column.stride { column.resize(stride: needed, count: survivors.count) }
  }

  /// Removes a row's place; under rule `compacted` all later places move up by one.
  private func dropPlace(_ row: Int) {
    guard rule != .original else { return }
    let gap = places[row]
    places[row] = places[places.count - 1]
    places.removeLast()
    guard rule == .compacted else { return }
    unsafe places.withUnsafeMutableBufferPointer { places in
      guard let base = places.baseAddress else { return }
      let whole = places.count / 8 * 8
      for row in stride(from: 0, to: whole, by: 8) {
        let eight = unsafe UnsafeMutableRawPointer(base + row)
        let ranks = unsafe eight.loadUnaligned(as: SIMD8<Int32>.self)
        // The shift gives −1 where the rank is greater than the gap, else 0.
        let moved = ranks &+ ((SIMD8(repeating: gap) &- ranks) &>> 31)
        unsafe eight.storeBytes(of: moved, as: SIMD8<Int32>.self)
      }
      for row in whole..<places.count where unsafe places[row] > gap { unsafe places[row] -= 1 }
    }
  }

  private func compactPlaces() {
    for (rank, row) in rowsByPosition().enumerated() { places[row] = Int32(rank) }
  }

  /// Copies the live rows of a lane with holes to new pages, if this is worthwhile: the holes are
  /// at least two pages and a quarter of the rows, and the lane has at least as many private pages
  /// as the copy needs. So the copy never takes pages that were reserved for other lanes, nor
  /// copies rows of pages that a fork would keep in use anyway. Does nothing while the pool has no
  /// room for the copy.
  ///
  /// Codes are never moved: their rows need no slot.
  func compactIfWorthwhile() {
    guard !isDense, mayHaveHoles else { return }
    let stored = hasCodes ? slots.count { $0 >= 0 } : count
    guard stored > 0 else { return }
    let holes = pagesHeld * layout.pageRows - stored
    let needed = (stored + layout.pageRows - 1) / layout.pageRows
    guard holes >= max(2 * layout.pageRows, stored / 4), pool.freePages >= needed,
      pages.count(where: isPrivate) >= needed
    else { return }
    var fresh: [PageReference] = []
    var freshAddresses = unsafe [UnsafeMutableRawPointer?]()
    for _ in 0..<needed {
      guard let page = try? pool.allocate() else {
        for page in fresh { pool.release(page.id) }
        return
      }
      fresh.append(PageReference(id: page, live: 0))
      unsafe freshAddresses.append(pool.address(page))
    }
    let rows = (0..<count).filter { slots[$0] >= 0 }
    for (place, row) in rows.enumerated() {
      let (page, index) = (place / layout.pageRows, place % layout.pageRows)
      fresh[page].live |= 1 << UInt64(index)
      guard let target = unsafe freshAddresses[page] else { continue }
      for value in [false, true] {
        let offset = (value ? layout.valueOffset : 0) + index * layout.rowBytes
        unsafe (target + offset).copyMemory(
          from: address(slot: Int(slots[row]), value: value), byteCount: layout.rowBytes)
      }
    }
    for page in pages where page.id >= 0 {
      pool.release(page.id)
      pagesReturned += 1
    }
    pagesReturned -= needed
    pool.countMoved(pages: needed)
    pages = fresh
    rowsCopied += stored
    pagesHeld = needed
    unsafe addresses = freshAddresses
    for (place, row) in rows.enumerated() { slots[row] = Int32(place) }
    isDense = stored == count
  }

  /// Whether the lane may have two pages of holes: O(1), where a lane with codes must count its
  /// slots to know.
  private var mayHaveHoles: Bool {
    // At least these many rows have a slot: all whose key or value is in the store's format.
    let coded = coded.map { min($0.keys.count, $0.values.count) } ?? 0
    return pagesHeld * layout.pageRows - (count - coded) >= 2 * layout.pageRows
  }
}
