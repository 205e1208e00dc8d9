import KVPolicyKit

/// The signal `promptRows` of one layer: the logits of the prompt's last queries over the rows
/// present now, from the keys that `ChunkAttention` packed.
///
/// A few queries of a lane are computed at a time, so that many queries over a long prompt need no
/// more memory than a few do. While one thread shows them to the policy, the others compute the
/// next ones:
///
/// ```text
/// thread 0   slice 0 │ policy: slice 0 │ policy: slice 1 │ policy: slice 2 …
/// thread 1   slice 0 │ slice 1         │ slice 2         │ slice 3 …
/// ```
final class PromptRows: PromptRowSource {
  // Each buffer has room for `slice` queries of each query head of a lane: a row of `stride` floats
  // each. Lanes have at most `stride` rows, and the packed lanes are those of the layer.

  private unowned let session: LlamaSession
  private let layer: Int
  private let stride: Int
  private let group: Int
  private let width: Int
  /// Queries of a slice: whole tiles, and few enough for its logits to stay in the second cache
  /// until they are read.
  private static let slice = 3 * ProductTile.rows
  /// Rows of a piece of work: whole panels.
  private static let run = 256

  init(_ session: LlamaSession, layer: Int, stride: Int) {
    self.session = session
    self.layer = layer
    self.stride = stride
    group = session.sequence.store.shape.group
    width = session.model.configuration.headDimension
  }

  private var recent: RecentQueries { session.recentQueries[layer] }

  func lend(of lane: LaneID, _ body: (borrowing PromptSlice) -> Void) {
    var slice = unsafe Slice(0..<min(Self.slice, recent.count), self, lane.head, buffer: 0)
    let first = unsafe slice
    unsafe session.model.team.share(first.pieces, grain: 1) { _, pieces in
      for piece in pieces { unsafe compute(first, piece) }
    }
    while unsafe !slice.queries.isEmpty {
      let shown = unsafe slice
      let end = unsafe shown.queries.upperBound
      let next = unsafe Slice(
        end..<min(end + Self.slice, recent.count), self, lane.head, buffer: 1 - shown.buffer)
      unsafe session.model.team.share(1 + next.pieces, grain: 1) { _, items in
        for item in items {
          if item == 0 {
            unsafe body(self.lent(shown))
          } else {
            unsafe compute(next, item - 1)
          }
        }
      }
      unsafe slice = unsafe next
    }
  }

  /// Some consecutive queries, and where their logits are.
  @unsafe private struct Slice {
    let queries: Range<Int>
    let lane: Int
    let buffer: Int
    let packed: PackedLane
    /// The queries as they are multiplied: `queries × group × width`.
    let vectors: UnsafeMutablePointer<Float>
    /// `group × queries` rows of `stride` logits.
    let logits: UnsafeMutablePointer<Float>
    /// Rows of the lane.
    let count: Int
    /// For each query how many rows it sees, where these are the first ones; else all of the lane.
    let seen: [Int]
    /// Pieces of work: a query head and a run of the rows that the last query sees.
    let pieces: Int

    /// Makes room for a slice, and rotates its queries.
    init(_ queries: Range<Int>, _ rows: PromptRows, _ lane: Int, buffer: Int) {
      let scratch = rows.session.scratch
      unsafe self.queries = queries
      unsafe self.lane = lane
      unsafe self.buffer = buffer
      unsafe packed = rows.session.packedLane(lane, stride: rows.stride)
      unsafe vectors = scratch.promptQueries[buffer].room(queries.count * rows.group * rows.width)
      unsafe logits = scratch.promptRows[buffer].room(rows.group * queries.count * rows.stride)
      unsafe rows.gather(queries, of: lane, into: vectors)
      unsafe count = rows.session.sequence.rowCount(layer: rows.layer, head: lane)
      let seen = queries.map { rows.rowsSeen(by: $0, of: lane) }
      unsafe self.seen = seen
      unsafe pieces = ((seen.last ?? 0) + PromptRows.run - 1) / PromptRows.run * rows.group
    }
  }

  @unsafe private func lent(_ slice: Slice) -> PromptSlice {
    unsafe PromptSlice(
      first: slice.queries.lowerBound, count: slice.queries.count, stride: stride,
      base: slice.logits, logSums: recent.logSums + slice.lane * group,
      logSumStride: session.model.configuration.queryHeads, positions: recent.positions)
  }

  /// One piece of a slice's logits: −∞ where a row is later than the query.
  @unsafe private func compute(_ slice: Slice, _ piece: Int) {
    let (head, first) = (piece % group, piece / group * Self.run)
    let (count, visible) = unsafe (slice.queries.count, slice.seen.last ?? 0)
    let rows = first..<min(first + Self.run, visible)
    let target = unsafe slice.logits + head * count * stride
    unsafe slice.packed.logits(
      slice.vectors + head * width, stride: group * width, count: count, rows: rows,
      scale: 1 / Float(width).squareRoot(), into: target, logitStride: stride)
    // The last run's piece also sees to the rows that no query of the slice sees.
    let end = unsafe rows.upperBound == visible ? slice.count : rows.upperBound
    for query in 0..<count {
      let later = unsafe max(first, slice.seen[query])
      guard later < end else { continue }
      unsafe (target + query * stride + later).update(repeating: -.infinity, count: end - later)
    }
    if unsafe !isOrdered(slice.lane) { unsafe hideLater(rows, of: slice, in: target) }
  }

  private func isOrdered(_ lane: Int) -> Bool {
    session.sequence.isOrdered(layer: layer, head: lane)
  }

  /// −∞ for those of some rows that are later than a query, where they are in no order.
  @unsafe private func hideLater(
    _ rows: Range<Int>, of slice: Slice, in logits: UnsafeMutablePointer<Float>
  ) {
    let positions = recent.positions
    unsafe session.sequence.withPositions(layer: layer, head: slice.lane) { places in
      for query in unsafe slice.queries {
        let row = unsafe logits + (query - slice.queries.lowerBound) * stride
        for index in rows where unsafe Int(places[index]) > positions[query] {
          unsafe row[index] = -.infinity
        }
      }
    }
  }

  /// How many rows a query may see: where they are in the order of their positions, those up to its
  /// own; else all of the lane.
  private func rowsSeen(by query: Int, of lane: Int) -> Int {
    let count = session.sequence.rowCount(layer: layer, head: lane)
    guard isOrdered(lane) else { return count }
    let position = recent.positions[query]
    return unsafe session.sequence.withPositions(layer: layer, head: lane) { places in
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if unsafe Int(places[middle]) <= position { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// The queries of a lane's heads as they are multiplied: under another position rule than
  /// `original` they were remembered un-rotated, and are rotated where the lane has their tokens
  /// now.
  @unsafe private func gather(
    _ queries: Range<Int>, of lane: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let configuration = session.model.configuration
    let tokenWidth = configuration.queryHeads * width
    for query in queries {
      let copy = unsafe target + (query - queries.lowerBound) * group * width
      unsafe copy.update(
        from: recent.base + query * tokenWidth + lane * group * width, count: group * width)
      guard session.declared[layer].rule != .original else { continue }
      let place = session.sequence.place(
        layer: layer, head: lane, ofQueryAt: recent.positions[query])
      // One after the furthest row, if the query's own row is forgotten.
      session.placeRotary.prepare(0..<place + 1)
      unsafe session.placeRotary.rotate(
        copy, heads: group, position: place, pairing: configuration.rope.pairing)
    }
  }
}
