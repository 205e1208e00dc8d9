import KVPolicyKit

/// The signal `promptRows` of one layer: the logits of the prompt's last queries over the rows present now,
/// from the keys that `attendChunk` packed. A few queries of a lane are computed at a time, so that many
/// queries over a long prompt need no more memory than a few do.
final class PromptRows: PromptRowSource {
  // The buffer has room for `slice` queries of each query head of a lane: a row of `stride` floats each.
  // Lanes have at most `stride` rows, and the packed lanes are those of the layer.

  private unowned let session: LlamaSession
  private let layer: Int
  private let stride: Int
  /// Queries of a slice: with the usual lanes its logits stay in the second cache until they are read.
  private static let slice = 16
  /// Rows of a piece of work: whole panels.
  private static let run = 256

  init(_ session: LlamaSession, layer: Int, stride: Int) {
    self.session = session
    self.layer = layer
    self.stride = stride
  }

  func lend(of lane: LaneID, _ body: (borrowing PromptSlice) -> Void) {
    let recent = session.recentQueries[layer]
    let group = session.sequence.store.shape.group
    for first in Swift.stride(from: 0, to: recent.count, by: Self.slice) {
      let queries = first..<min(first + Self.slice, recent.count)
      let rows = unsafe session.scratch.promptRows.room(group * queries.count * stride)
      unsafe compute(queries, of: lane.head, into: rows)
      body(
        unsafe PromptSlice(
          first: first, count: queries.count, stride: stride, base: rows,
          positions: recent.positions))
    }
  }

  /// Logits of some queries for every query head of a lane: −∞ where a row is later than the query.
  @unsafe private func compute(
    _ queries: Range<Int>, of lane: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let (width, group) = (
      session.model.configuration.headDimension, session.sequence.store.shape.group
    )
    let tokenWidth = group * width
    let vectors = unsafe session.scratch.promptQueries.room(queries.count * tokenWidth)
    unsafe gather(queries, of: lane, into: vectors)
    let packed = unsafe session.packedLane(lane, stride: stride)
    let count = session.sequence.rowCount(layer: layer, head: lane)
    let scale = 1 / Float(width).squareRoot()
    let runs = (count + Self.run - 1) / Self.run
    session.model.team.share(group * runs, grain: 1) { _, items in
      for item in items {
        let (head, first) = (item / runs, item % runs * Self.run)
        let rows = first..<min(first + Self.run, count)
        let block = unsafe target + head * queries.count * stride
        unsafe packed.logits(
          vectors + head * width, stride: tokenWidth, count: queries.count, rows: rows,
          scale: scale, into: block, logitStride: stride)
        unsafe hideLater(rows, than: queries, of: lane, in: block)
      }
    }
  }

  /// −∞ for rows that are later than a query.
  @unsafe private func hideLater(
    _ rows: Range<Int>, than queries: Range<Int>, of lane: Int,
    in block: UnsafeMutablePointer<Float>
  ) {
    let positions = session.recentQueries[layer].positions
    unsafe session.sequence.withPositions(layer: layer, head: lane) { places in
      for row in rows where unsafe Int(places[row]) > positions[queries.lowerBound] {
        for query in queries where unsafe Int(places[row]) > positions[query] {
          unsafe block[(query - queries.lowerBound) * stride + row] = -.infinity
        }
      }
    }
  }

  /// The queries of a lane's heads as they are multiplied: under another position rule than `original` they
  /// were remembered un-rotated, and are rotated where the lane has their tokens now.
  @unsafe private func gather(
    _ queries: Range<Int>, of lane: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let recent = session.recentQueries[layer]
    let configuration = session.model.configuration
    let (width, group) = (configuration.headDimension, session.sequence.store.shape.group)
    let tokenWidth = configuration.queryHeads * width
    for query in queries {
      let copy = unsafe target + (query - queries.lowerBound) * group * width
      unsafe copy.update(
        from: recent.base + query * tokenWidth + lane * group * width, count: group * width)
      guard session.wants[layer].rule != .original else { continue }
      let place = session.sequence.place(
        layer: layer, head: lane, ofQueryAt: recent.positions[query])
      // One after the furthest row, if the query's own row is forgotten.
      session.placeRotary.prepare(0..<place + 1)
      unsafe session.placeRotary.rotate(
        copy, heads: group, position: place, pairing: configuration.rope.pairing)
    }
  }
}
