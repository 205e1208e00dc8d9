/// What the conformance kit reads and disturbs. No engine needs these methods.
extension KVSequence {
  /// Copies of all rows of a lane, by row number. O(rows × row size).
  package func storedRows(layer: Int, head: Int) -> [StoredRow] {
    let lane = lane(layer, head)
    return (0..<lane.count).map { row in
      StoredRow(
        position: Int(lane.positions[row]),
        place: lane.rule == .original ? nil : Int(lane.places[row]),
        key: lane.vector(row, value: false), value: lane.vector(row, value: true),
        columns: lane.columns.flatMap { column in
          (0..<column.column.width).map {
            column.number($0, row: row)
          }
        })
    }
  }

  /// Rows that dropping others has copied to other slots so far.
  package var rowsCopied: Int { lanes.reduce(0) { $0 + $1.rowsCopied } }

  /// Renumbers a lane's rows: row `r` becomes the former row `order[r]`.
  ///
  /// Row numbers mean nothing, so no policy may notice.
  package func renumber(layer: Int, head: Int, order: [Int]) {
    let lane = lane(layer, head)
    precondition(order.sorted() == Array(0..<lane.count), "an order names every row once")
    lane.slots = order.map { lane.slots[$0] }
    lane.positions = order.map { lane.positions[$0] }
    lane.reorderPlaces(order.map { Int32($0) })
    if lane.rule != .original { lane.places = order.map { lane.places[$0] } }
    for index in lane.columns.indices { lane.ownColumn(index).reorder(order.map { Int32($0) }) }
    lane.isDense = lane.slots.enumerated().allSatisfy { $0.offset == Int($0.element) }
    lane.isOrdered = zip(lane.positions, lane.positions.dropFirst()).allSatisfy { $0 < $1 }
  }
}

/// One row of a lane, copied out of the store.
package struct StoredRow: Hashable, Sendable {
  /// The token's index in the text.
  package var position: Int
  /// Where the row's key is rotated; nil under rule `original`.
  package var place: Int?
  /// The row's key, as stored.
  package var key: [Float]
  /// The row's value, as stored.
  package var value: [Float]
  /// The row's numbers in every column, entry by entry.
  package var columns: [Float]

  /// A row with these contents.
  package init(position: Int, place: Int?, key: [Float], value: [Float], columns: [Float]) {
    self.position = position
    self.place = place
    self.key = key
    self.value = value
    self.columns = columns
  }
}
