extension Lane {
  /// Moves the surviving rows of a dense lane together, in their order. All pages are private.
  ///
  /// Where the rows of a new page are those of a whole old page, or the first rows of one, the old
  /// page moves in the page table and no row is copied. So dropping whole pages copies nothing.
  func pack(_ survivors: [Int32]) {
    let pageRows = layout.pageRows
    // For each new page, the old page that becomes it.
    var sources: [Int] = []
    var isTaken = [Bool](repeating: false, count: pages.count)
    var free = 0
    for first in stride(from: 0, to: survivors.count, by: pageRows) {
      let kept = survivors[first..<min(first + pageRows, survivors.count)]
      let row = Int(survivors[first])
      var source = row / pageRows
      if row % pageRows != 0 || kept.last != Int32(row + kept.count - 1) {
        // The lowest page that is not taken: all its survivors were moved already, or it is the page
        // of `row` itself, whose rows then move towards its start.
        while isTaken[free] { free += 1 }
        source = free
        for (offset, row) in kept.enumerated() where Int(row) != source * pageRows + offset {
          unsafe copyRow(from: Int(row), to: source * pageRows + offset)
        }
      }
      isTaken[source] = true
      sources.append(source)
    }
    for (index, page) in pages.enumerated() where !isTaken[index] {
      pool.release(page.id)
      pagesReturned += 1
    }
    pages = sources.enumerated().map { index, source in
      let rows = min(pageRows, survivors.count - index * pageRows)
      return PageReference(id: pages[source].id, live: .max >> UInt64(64 - rows))
    }
    pagesHeld = pages.count
    let old = unsafe addresses
    unsafe addresses = sources.map { unsafe old[$0] }
  }

  /// Copies a live row's key and value into another slot of a private page.
  @unsafe func copyRow(from source: Int, to target: Int) {
    for value in [false, true] {
      unsafe address(slot: target, value: value).copyMemory(
        from: address(slot: source, value: value), byteCount: layout.rowBytes)
    }
    rowsCopied += 1
  }
}
