/// Correcting past tokens.
extension KVSequence {
  /// How past tokens are corrected; nil if they are not.
  package var revision: Revision? { policies.revision }

  /// Writes over the key and the value of one position in every lane of a layer.
  ///
  /// - Parameters:
  ///   - position: a position that was decoded.
  ///   - keys: `keyHeads × headDimension` floats, rotated.
  ///   - values: an array of the same size.
  @unsafe package func overwrite(
    layer: Int, position: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>
  ) throws(StoreError) {
    let (width, format) = (shape.headDimension, store.configuration.format)
    for head in 0..<shape.keyHeads {
      let lane = lane(layer, head)
      guard let row = lane.row(at: position) else { continue }
      try keepingFailure { () throws(StoreError) in
        try unsafe lane.overwrite(row: row) { key, value in
          unsafe format.encode(keys + head * width, count: width, to: key)
          unsafe format.encode(values + head * width, count: width, to: value)
        }
      }
    }
    measure(layer: layer)
  }

  /// Appends the slots of the rows that the step at hand names for a query head, except rows that
  /// are later than a position and rows that `read` names already. Names the appended rows in
  /// `read`.
  ///
  /// - Parameter read: bit p is set if position p was read; grows as needed.
  package func appendUnread(
    layer: Int, queryHead: Int, through position: Int, read: inout [UInt64],
    into slots: inout [Int32]
  ) {
    let lane = lane(layer, queryHead / shape.group)
    while read.count <= position / 64 { read.append(0) }
    func note(_ row: Int) {
      let own = Int(lane.positions[row])
      let (word, bit) = (own / 64, UInt64(1) << UInt64(own % 64))
      guard own <= position, read[word] & bit == 0 else { return }
      read[word] |= bit
      slots.append(lane.slots[row])
    }
    if let rows = readRows(list: queryHead / listGroup) {
      for row in rows { note(Int(row)) }
    } else {
      for row in 0..<lane.count { note(row) }
    }
  }

  /// Lends the rows in some slots of a lane to an attention kernel, in the order of the slots.
  @unsafe package func withRows<Result>(
    layer: Int, head: Int, slots: UnsafePointer<Int32>, count: Int, _ body: (LaneRows) -> Result
  ) -> Result {
    unsafe lane(layer, head).withRows { all in
      unsafe body(
        LaneRows(
          count: count, slots: slots, pages: all.pages, pageRows: all.pageRows,
          headDimension: all.headDimension, format: all.format, rowBytes: all.rowBytes,
          isDense: false))
    }
  }

  /// Books the rows that past tokens read in a layer, summed over their query heads. Their bytes
  /// count; the rows that a step reads are those of its own token.
  package func bookRevision(rows: Int) {
    readByteSteps += Double(rows) * Double(2 * store.layout.rowBytes) / Double(shape.group)
  }

  /// Bytes of what an engine keeps of past tokens: for every layer and query head a query, an
  /// output and a sum of exponentials, and a bit for each position.
  var revisionBytes: Int {
    guard let revision else { return 0 }
    let heads = shape.layers * shape.queryHeads
    let floats = 2 * shape.headDimension + 1
    return revision.window * heads * (4 * floats + 8 * (length.tokens / 64 + 1))
  }

  /// The pages that writing over past tokens may copy in a step.
  var pagesToOverwrite: Int {
    guard let revision else { return 0 }
    return lanes.reduce(0) {
      $0 + $1.sharedPages(ofLast: revision.window - 1, before: length.tokens)
    }
  }
}
