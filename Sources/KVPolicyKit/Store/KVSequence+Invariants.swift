/// Checks of what must hold between any two calls.
extension KVSequence {
  /// The first broken invariant, or nil. O(rows).
  public func checkInvariants() -> String? {
    for lane in lanes {
      if let broken = lane.checkInvariants(length: length.tokens) {
        return "layer \(lane.id.layer), head \(lane.id.head): \(broken)"
      }
    }
    return store.pools.allSatisfy { $0.audit().isSound }
      ? nil : "free and used pages do not add up to the mapped ones"
  }
}

extension PagedKVStore {
  /// The first broken invariant of the store, given all of its sequences, or nil.
  public func checkInvariants(_ sequences: [KVSequence]) -> String? {
    for sequence in sequences {
      if let broken = sequence.checkInvariants() { return broken }
    }
    let held = sequences.reduce(0) { sum, sequence in
      sequence.lanes.reduce(sum) { $0 + $1.pagesHeld + ($1.coded?.blocksHeld ?? 0) }
    }
    let references = pools.reduce(0) { $0 + $1.audit().references }
    return held == references
      ? nil : "the pool counts \(references) references, the sequences hold \(held)"
  }
}

extension Lane {
  func checkInvariants(length: Int) -> String? {
    if slots.count != count { return "\(slots.count) slots for \(count) rows" }
    if Set(positions).count != count { return "a position occurs twice" }
    if let last = positions.max(), last >= length { return "position \(last) was not read yet" }
    let taken = slots.filter { $0 >= 0 }
    if Set(taken).count != taken.count { return "two rows share a slot" }
    if pagesHeld != pages.count(where: { $0.id >= 0 }) { return "\(pagesHeld) pages are counted" }
    if places.count != (rule == .original ? 0 : count) { return "a row has no place, or too many" }
    if isDense != slots.enumerated().allSatisfy({ $0.offset == Int($0.element) }) && isDense {
      return "it is called dense and is not"
    }
    if isOrdered && zip(positions, positions.dropFirst()).contains(where: { $0 >= $1 }) {
      return "it is called ordered and is not"
    }
    var live = pages.map { _ in UInt64(0) }
    for slot in taken {
      let page = Int(slot) / layout.pageRows
      if page >= pages.count || pages[page].id < 0 { return "slot \(slot) has no page" }
      live[page] |= 1 << UInt64(Int(slot) % layout.pageRows)
    }
    if live != pages.map(\.live) { return "the live masks do not match the rows" }
    for page in pages where page.id >= 0 {
      if pool.referenceCount(page.id) < 1 { return "page \(page.id) is held and not referenced" }
    }
    if columns.contains(where: { $0.stride < count }) { return "a column is shorter than the lane" }
    return checkCodes() ?? checkBounds() ?? checkPlaces()
  }

  /// Checks that every row has its key and its value, each in one form.
  private func checkCodes() -> String? {
    guard let coded else { return slots.contains { $0 < 0 } ? "a row has no slot" : nil }
    for row in 0..<count {
      let isCoded =
        coded.keys.place(of: row) != nil && coded.values.place(of: row) != nil
      if isCoded != (slots[row] < 0) { return "row \(row) has a slot and codes, or neither" }
    }
    return coded.keys.checkInvariants() ?? coded.values.checkInvariants()
  }

  /// Checks that every row is in a page of the bounds, and every key within the page's bounds: for
  /// unit queries of either sign, the product with the bounds is at least the one with the key.
  private func checkBounds() -> String? {
    guard let bounds else { return nil }
    let numbers = positions.map { $0 / Int32(bounds.size) }
    let counts = Dictionary(numbers.map { ($0, Int32(1)) }, uniquingKeysWith: +)
    if Dictionary(bounds.pages.map { ($0.number, $0.rows) }, uniquingKeysWith: +) != counts {
      return "the bounds are those of other rows"
    }
    if zip(bounds.pages, bounds.pages.dropFirst()).contains(where: { $0.number >= $1.number }) {
      return "pages of the bounds are out of order"
    }
    let pages = Dictionary(
      uniqueKeysWithValues: bounds.pages.enumerated().map { ($1.number, $0) })
    for channel in 0..<layout.headDimension {
      for sign in [Float(-1), 1] {
        var query = [Float](repeating: 0, count: layout.headDimension)
        query[channel] = sign
        let products = bounds.products(query)
        for row in 0..<count {
          let key = sign * vector(row, value: false)[channel]
          if key > products[pages[numbers[row]] ?? 0] {
            return "a key is outside its page's bounds"
          }
        }
      }
    }
    return nil
  }

  private func checkPlaces() -> String? {
    switch rule {
    case .original: places.isEmpty ? nil : "keys at original positions have places"
    case .placed: places.count == count ? nil : "\(places.count) places for \(count) rows"
    case .compacted:
      rowsByPosition().map { places[$0] } == (0..<Int32(count)).map { $0 }
        ? nil : "the places are not the ranks of the positions"
    }
  }
}
