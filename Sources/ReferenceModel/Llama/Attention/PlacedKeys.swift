import KVPolicyKit

/// Attention under a position rule other than `original`: keys are stored un-rotated, and rotated
/// at the places that their rows have now.
extension LlamaSession {
  /// Rotates the queries of a layer's newest `count` tokens at the places of their rows, which are
  /// the last rows of every lane.
  @unsafe func placeQueries(
    _ queries: UnsafeMutablePointer<Float>, count: Int, layer: Int
  ) {
    let configuration = model.configuration
    let (group, width) = (sequence.store.shape.group, configuration.headDimension)
    for head in 0..<configuration.keyHeads {
      unsafe sequence.withPlaces(layer: layer, head: head) { places in
        placeRotary.prepare(0..<Int(unsafe places.max() ?? 0) + 1)
        for query in 0..<count {
          unsafe placeRotary.rotate(
            queries + (query * configuration.queryHeads + head * group) * width, heads: group,
            position: Int(places[places.count - count + query]), pairing: configuration.rope.pairing
          )
        }
      }
    }
  }

  /// Gathers up to 128 keys of a lane as floats into `keys`, rotates each at its place, and lends
  /// them. Call `placeQueries` for the layer first: it prepares the rotary table.
  @unsafe func withPlacedKeys(
    _ rows: LaneRows, layer: Int, head: Int, range: Range<Int>,
    _ keys: UnsafeMutablePointer<Float>, _ body: (LaneRows) -> Void
  ) {
    unsafe Kernels.gatherKeys(rows, range: range, into: keys)
    unsafe rotateKeys(keys, layer: layer, head: head, range: range)
    unsafe withUnsafePointer(to: Optional(UnsafeMutableRawPointer(keys))) { page in
      // The gathered keys look like a lane with a single page.
      unsafe body(
        LaneRows(
          count: range.count, slots: rows.slots, pages: page, pageRows: StepAttention.runRows,
          headDimension: rows.headDimension, format: .f32, rowBytes: 4 * rows.headDimension,
          isDense: true))
    }
  }

  /// Rotates gathered keys of a lane at their places. Call `placeQueries` for the layer first: it
  /// prepares the rotary table.
  @unsafe func rotateKeys(
    _ keys: UnsafeMutablePointer<Float>, layer: Int, head: Int, range: Range<Int>
  ) {
    unsafe sequence.withPlaces(layer: layer, head: head) { places in
      unsafe placeRotary.rotate(
        keys, places: UnsafeBufferPointer(rebasing: places[range]),
        pairing: model.configuration.rope.pairing)
    }
  }
}
