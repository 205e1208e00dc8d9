/// Rows of a lane that are stored as codes.
///
/// A row whose key and value are both codes has no slot: its entry of `slots` is -1. While only one
/// of them is a code, the row keeps its slot, and the other is read there.
extension Lane {
  /// The keys and the values that are codes.
  struct Coded {
    var keys: CodedSide
    var values: CodedSide

    /// Whether no row is coded.
    var isEmpty: Bool { keys.count == 0 && values.count == 0 }
    var bytes: Int { keys.bytes + values.bytes }
  }

  /// Whether some row is coded.
  var hasCodes: Bool { coded.map { !$0.isEmpty } ?? false }

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
    if value {
      try unsafe coded?.values.code(rows, of: count, tier: tier, from: floats)
    } else {
      try unsafe coded?.keys.code(rows, of: count, tier: tier, from: floats)
    }
    coded?.keys.extend(to: count)
    coded?.values.extend(to: count)
    for row in rows { freeSlot(of: Int(row)) }
    compactIfWorthwhile()
    if !value { renewBounds() }
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

  /// Gives up all that a row holds: its codes and its slot.
  func free(row: Int) {
    coded?.keys.free(row)
    coded?.values.free(row)
    if slots[row] >= 0 { unmark(slot: Int(slots[row])) }
  }

  /// Computes the bounds of keys anew.
  func renewBounds() {
    guard bounds != nil else { return }
    bounds?.removeAll()
    addToBounds(rowsByPosition())
  }
}
