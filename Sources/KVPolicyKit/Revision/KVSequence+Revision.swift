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

  /// The positions that a list of the step at hand names, in the order of the list; nil if it is all
  /// rows of its lane.
  package func readPositions(layer: Int, list: Int) -> [Int32]? {
    guard let rows = readRows(list: list) else { return nil }
    let lane = lane(layer, list * shape.keyHeads / readSets.lists.count)
    return rows.map { lane.positions[Int($0)] }
  }

  /// The pages that writing over past tokens may copy in a step.
  var pagesToOverwrite: Int {
    guard let revision else { return 0 }
    return lanes.reduce(0) {
      $0 + $1.sharedPages(ofLast: revision.window - 1, before: length.tokens)
    }
  }
}
