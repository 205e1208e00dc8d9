import KVPolicyKit

/// The signals `promptRows` and `recentRows` of one layer in a prompt: the logits of the last
/// queries over the rows present now, from the keys that `ChunkAttention` packed. For a probe: the
/// logits of the probe's queries, over these rows and the probe's own.
///
/// The queries are computed in slices of a few, so memory does not grow with their number. While
/// one thread shows a slice to the policy, the other threads compute the next slice:
///
/// ```text
/// thread 0   slice 0 │ policy: slice 0 │ policy: slice 1 │ policy: slice 2 …
/// thread 1   slice 0 │ slice 1         │ slice 2         │ slice 3 …
/// ```
final class PromptRows: PromptRowSource {
  // Why no access is out of bounds: each buffer holds `slice` queries of each query head of a lane,
  // with `stride` floats for each. Lanes have at most `stride` rows, and the packed lanes are those
  // of this layer.

  private unowned let session: LlamaSession
  private let layer: Int
  private let stride: Int
  private let recent: RecentQueries
  private let isProbe: Bool
  private let group: Int
  private let width: Int
  /// Queries of a slice: whole tiles, and few enough that the slice's logits stay in the
  /// second-level cache until they are read.
  private static let slice = 3 * ProductTile.rows
  /// Rows of a piece of work: whole packed operands.
  private static let run = 256

  init(
    _ session: LlamaSession, layer: Int, stride: Int, _ recent: RecentQueries, isProbe: Bool
  ) {
    self.session = session
    self.layer = layer
    self.stride = stride
    self.recent = recent
    self.isProbe = isProbe
    group = session.sequence.store.shape.group
    width = session.model.configuration.headDimension
  }

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

  /// Consecutive queries and the buffers of their logits.
  @unsafe private struct Slice {
    let queries: Range<Int>
    let lane: Int
    let buffer: Int
    let packed: PackedLane
    /// The queries, rotated at their places where keys are stored un-rotated: `queries × group ×
    /// width`.
    let vectors: UnsafeMutablePointer<Float>
    /// The logits: `group × queries × stride`.
    let logits: UnsafeMutablePointer<Float>
    /// Number of rows in the lane, and in the probe.
    let count: Int
    /// For each query, the number of rows it sees if the lane is in the order of positions;
    /// otherwise the number of rows in the lane. A probe's query sees the lane and the probe's rows
    /// up to its own.
    let seen: [Int]
    /// Number of pieces of work. A piece is one query head and up to `run` of the rows that the
    /// last query sees.
    let pieces: Int

    /// Makes room for a slice and gathers its queries.
    init(_ queries: Range<Int>, _ rows: PromptRows, _ lane: Int, buffer: Int) {
      let scratch = rows.session.scratch
      unsafe self.queries = queries
      unsafe self.lane = lane
      unsafe self.buffer = buffer
      unsafe packed = rows.session.packedLane(lane, stride: rows.stride)
      unsafe vectors = scratch.promptQueries[buffer].room(queries.count * rows.group * rows.width)
      unsafe logits = scratch.promptRows[buffer].room(rows.group * queries.count * rows.stride)
      unsafe rows.gather(queries, of: lane, into: vectors)
      let stored = rows.session.sequence.rowCount(layer: rows.layer, head: lane)
      unsafe count = stored + (rows.isProbe ? rows.recent.count : 0)
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

  /// Computes one piece of a slice's logits; −∞ where a row comes after the query.
  @unsafe private func compute(_ slice: Slice, _ piece: Int) {
    let (head, first) = (piece % group, piece / group * Self.run)
    let (count, visible) = unsafe (slice.queries.count, slice.seen.last ?? 0)
    let rows = first..<min(first + Self.run, visible)
    let target = unsafe slice.logits + head * count * stride
    unsafe slice.packed.logits(
      slice.vectors + head * width, stride: group * width, count: count, rows: rows,
      scale: 1 / Float(width).squareRoot(), into: target, logitStride: stride)
    // The last piece of a head also fills the rows that no query of the slice sees.
    let end = unsafe rows.upperBound == visible ? slice.count : rows.upperBound
    for query in 0..<count {
      let later = unsafe max(first, slice.seen[query])
      guard later < end else { continue }
      unsafe (target + query * stride + later).update(repeating: -.infinity, count: end - later)
    }
    if unsafe !isProbe && !isOrdered(slice.lane) { unsafe hideLater(rows, of: slice, in: target) }
  }

  private func isOrdered(_ lane: Int) -> Bool {
    session.sequence.isOrdered(layer: layer, head: lane)
  }

  /// Sets the logits of rows that come after a query to −∞, in a lane whose rows are not in order.
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

  /// The number of rows a query may see. In a lane in the order of positions these are the rows up
  /// to the query's own; otherwise the whole lane.
  private func rowsSeen(by query: Int, of lane: Int) -> Int {
    let count = session.sequence.rowCount(layer: layer, head: lane)
    guard !isProbe else { return count + query + 1 }
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

  /// Copies the queries of a lane's heads for the products.
  @unsafe private func gather(
    _ queries: Range<Int>, of lane: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for query in queries {
      unsafe session.copyQuery(
        query, of: recent, layer: layer, lane: lane,
        into: target + (query - queries.lowerBound) * group * width)
    }
  }
}

extension LlamaSession {
  /// Copies one of the last queries, or of a probe's, with the heads that read a lane, as it is
  /// multiplied with the lane's keys.
  ///
  /// Under a position rule other than `original`, the queries are kept un-rotated. The copy is
  /// rotated at the place that its token has in the lane now.
  @unsafe func copyQuery(
    _ query: Int, of recent: RecentQueries, layer: Int, lane: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (group, width) = (sequence.store.shape.group, model.configuration.headDimension)
    let first = query * model.configuration.queryHeads * width + lane * group * width
    unsafe target.update(from: recent.base + first, count: group * width)
    guard declared[layer].rule != .original else { return }
    let place = sequence.place(layer: layer, head: lane, ofQueryAt: recent.positions[query])
    // If the query's own row was dropped, its place is one after the furthest row's.
    placeRotary.prepare(0..<place + 1)
    unsafe placeRotary.rotate(
      target, heads: group, position: place, pairing: model.configuration.rope.pairing)
  }
}
