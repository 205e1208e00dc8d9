/// Rows of a lane that are stored as codes.
///
/// A row whose key and value are both codes has no slot: its entry of `slots` is -1. While only one
/// of them is a code, the row keeps its slot, and the other is read there.
extension Lane {
  /// The keys and the values that are codes.
  struct Coded {
    let keys: CodedSide
    let values: CodedSide

    /// Codes of these tiers, in a store's pools.
    init(_ tiers: [Tier], in store: PagedKVStore) throws(StoreError) {
      keys = try store.codes(tiers.map(\.keys))
      values = try store.codes(tiers.map(\.values))
    }

    init(forking other: Coded) {
      keys = CodedSide(forking: other.keys)
      values = CodedSide(forking: other.values)
    }

    /// Whether no row is coded.
    var isEmpty: Bool { keys.count == 0 && values.count == 0 }
    var bytes: Int { keys.bytes + values.bytes }
    var blocksHeld: Int { keys.blocksHeld + values.blocksHeld }
  }

  /// Whether some row is coded.
  var hasCodes: Bool { coded.map { !$0.isEmpty } ?? false }

  /// Bytes of all keys and values as they are stored.
  var rowBytes: Int {
    guard let coded else { return 2 * count * layout.rowBytes }
    let whole = 2 * count - coded.keys.count - coded.values.count
    return whole * layout.rowBytes + coded.keys.rowBytes + coded.values.rowBytes
  }

  /// Reads a key or value, whatever its format.
  @unsafe func decode(_ row: Int, value: Bool, to target: UnsafeMutablePointer<Float>) {
    if let coded, let place = (value ? coded.values : coded.keys).place(of: row) {
      unsafe (value ? coded.values : coded.keys).decode(place: place, to: target)
    } else {
      unsafe layout.format.decode(
        address(slot: Int(slots[row]), value: value), count: layout.headDimension, to: target)
    }
  }

  /// Stores the keys or values of some rows as codes of a tier. The rows were checked; in a tier
  /// that groups the elements of a channel, they fill whole groups.
  ///
  /// - Throws: `StoreError.poolFull`.
  func code(_ rows: [Int32], value: Bool, tier: Int) throws(StoreError) {
    let width = layout.headDimension
    var floats = [Float](repeating: 0, count: rows.count * width)
    unsafe floats.withUnsafeMutableBufferPointer { floats in
      guard let base = floats.baseAddress else { return }
      for (index, row) in rows.enumerated() {
        unsafe decode(Int(row), value: value, to: base + index * width)
      }
    }
    guard let coded else { return }
    try (value ? coded.values : coded.keys).code(rows, of: count, tier: tier, from: floats)
    extendPlaces()
    for row in rows { freeSlot(of: Int(row)) }
    compactIfWorthwhile()
    if !value { renewBounds() }
  }

  /// Makes room for the places of all rows, once some row is coded.
  func extendPlaces() {
    guard hasCodes, let coded else { return }
    coded.keys.extend(to: count)
    coded.values.extend(to: count)
  }

  /// The most bytes that coding all rows that are no codes, and `rows` more, may take.
  func codeBytesNeeded(for rows: Int) -> Int {
    guard let coded else { return 0 }
    let total = count + rows
    return coded.keys.bytesNeeded(for: total - coded.keys.count)
      + coded.values.bytesNeeded(for: total - coded.values.count)
  }

  /// Frees the slot of a row whose key and value are both codes.
  private func freeSlot(of row: Int) {
    guard let coded, slots[row] >= 0, coded.keys.place(of: row) != nil,
      coded.values.place(of: row) != nil
    else { return }
    unmark(slot: Int(slots[row]))
    slots[row] = -1
    isDense = false
  }

  /// Keeps the places of some rows, in this order; other rows were freed.
  func reorderPlaces(_ rows: [Int32]) {
    coded?.keys.reorder(rows)
    coded?.values.reorder(rows)
  }

  /// Gives up all that a row holds: its codes and its slot.
  func free(row: Int) {
    coded?.keys.free(row)
    coded?.values.free(row)
    if slots[row] >= 0 { unmark(slot: Int(slots[row])) }
  }

  /// Computes the bounds of all pages of positions again, from the keys as they are read now.
  func renewBounds() {
    guard bounds != nil else { return }
    bounds?.removeAll()
    addToBounds(rowsByPosition())
  }
}
