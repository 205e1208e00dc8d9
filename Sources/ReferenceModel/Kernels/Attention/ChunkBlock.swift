import Foundation

/// Attention of consecutive queries of a chunk over one lane, for the query heads that share the
/// lane.
///
/// ```text
///              rows 0–127   128–255   …
///   strip 0    ██████████   ██▒
///   strip 1    ██████████   ████▒
///   strip 2    ██████████   ██████▒
/// ```
///
/// The queries × heads are the rows of a matrix A, six rows to a strip. A is multiplied with one
/// block of 128 lane rows at a time. The logits, which stay in the second-level cache, become
/// attention weights relative to the greatest logit so far. Then the block's values are added to
/// the output, which is rescaled whenever a greater logit turns up.
///
/// Logits of rows that no query of a strip sees are not computed. A query's result depends only on
/// the rows that it sees.
@safe package struct ChunkBlock {
  // The parts of the scratch memory, `scratchFloats` in all, with `height` rows of A in each.
  /// `height × depth`: queries, scaled.
  @unsafe private let a: UnsafeMutablePointer<Float>
  /// `height × depth`, rounded up to whole tiles: the output.
  @unsafe private let mixed: UnsafeMutablePointer<Float>
  /// `height`: greatest logit so far.
  @unsafe private let tops: UnsafeMutablePointer<Float>
  /// `height`: sum of attention weights so far.
  @unsafe private let totals: UnsafeMutablePointer<Float>
  /// `height`: rescaling of the output.
  @unsafe private let factors: UnsafeMutablePointer<Float>
  /// `height × run`, or `runs × height × run`: attention weights.
  @unsafe private let attentionWeights: UnsafeMutablePointer<Float>
  /// `runs × height`: the greatest logit of every run.
  @unsafe private let topsOfRuns: UnsafeMutablePointer<Float>?

  private let lane: PackedLane
  private let shape: ChunkShape

  /// Makes a block over `lane` with scratch memory of `shape.scratchFloats` floats.
  package init(_ shape: ChunkShape, lane: PackedLane, scratch: UnsafeMutablePointer<Float>) {
    self.shape = shape
    self.lane = lane
    let height = shape.height
    // Each part begins at a cache line if the scratch does.
    let padded = ProductTile.wholeColumns(height)
    unsafe tops = scratch
    unsafe totals = tops + padded
    unsafe factors = totals + padded
    unsafe mixed = factors + padded
    unsafe attentionWeights = mixed + height * shape.mixedStride
    let end =
      unsafe attentionWeights + (shape.keepsWeights ? shape.runs : 1) * height * ChunkShape.run
    unsafe a = end
    unsafe topsOfRuns = shape.keepsWeights ? end + height * shape.depth : nil
  }

  /// Computes the attention output of the block into `out`.
  ///
  /// `queries` and `out` each hold `group × depth` floats for each query, `stride` floats apart.
  package func attend(
    _ queries: UnsafePointer<Float>, stride: Int, scale: Float,
    into out: UnsafeMutablePointer<Float>
  ) {
    unsafe begin(queries, stride: stride, scale: scale)
    for run in 0..<shape.runs {
      let first = run &* ChunkShape.run
      unsafe computeLogits(first: first, into: attentionWeights(of: run))
      unsafe weigh(first: first, attentionWeights(of: run))
      if let tops = unsafe topsOfRuns {
        unsafe (tops + run &* shape.height).update(from: self.tops, count: shape.height)
      }
      unsafe mix(first: first, attentionWeights(of: run))
    }
    unsafe finish(out, stride: stride)
  }

  private func attentionWeights(of run: Int) -> UnsafeMutablePointer<Float> {
    unsafe shape.keepsWeights
      ? attentionWeights + run &* shape.height &* ChunkShape.run : attentionWeights
  }

  private func begin(_ queries: UnsafePointer<Float>, stride: Int, scale: Float) {
    let width = shape.group &* shape.depth
    for query in 0..<shape.queries {
      unsafe Kernels.scale(
        queries + query &* stride, by: scale, into: a + query &* width, count: width)
    }
    unsafe mixed.update(repeating: 0, count: shape.height * shape.mixedStride)
    unsafe tops.update(repeating: -.infinity, count: shape.height)
    unsafe totals.update(repeating: 0, count: shape.height)
  }

  /// The number of rows of A in the strip that begins at row `first`, and the number of lane rows
  /// that the strip's last row sees.
  @inline(__always)
  private func strip(_ first: Int) -> (count: Int, seen: Int) {
    let count = min(ProductTile.rows, shape.height &- first)
    return (count, shape.seen(by: first &+ count &- 1))
  }

  /// Computes the logits of the block of 128 lane rows that begins with lane row `first`:
  /// `height × 128`, in whole packed operands.
  @inline(never)
  private func computeLogits(first: Int, into logits: UnsafeMutablePointer<Float>) {
    let (height, depth) = (shape.height, shape.depth)
    let end = min(first &+ ChunkShape.run, shape.visible)
    var panel = first
    while panel < end {
      let keys = unsafe lane.keys + panel &* depth
      var row = 0
      while row < height {
        let strip = strip(row)
        if strip.seen > panel {
          let tile = unsafe ProductTile(
            a: a + row &* depth, aStride: depth, count: strip.count, b: keys,
            bStride: ProductTile.columns, depth: depth)
          unsafe tile.store(
            to: logits + (row &* ChunkShape.run &+ panel &- first), stride: ChunkShape.run,
            count: strip.count, columns: ProductTile.columns)
        }
        row &+= ProductTile.rows
      }
      panel &+= ProductTile.columns
    }
  }

  /// Turns logits into attention weights relative to the greatest logit so far. The weights of lane
  /// rows that a row of A does not see become 0.
  @inline(never)
  private func weigh(first: Int, _ attentionWeights: UnsafeMutablePointer<Float>) {
    var row = 0
    while row < shape.height {
      let own = min(max(shape.seen(by: row) &- first, 0), ChunkShape.run)
      let x = unsafe attentionWeights + row &* ChunkShape.run
      let before = unsafe tops[row]
      let top = unsafe max(before, Kernels.greatest(padding: x, count: own))
      let factor = Kernels.rescaling(from: before, to: top)
      let sum = unsafe Kernels.exponentials(x, count: own, top: top)
      let end = ProductTile.wholeColumns(own)
      unsafe (x + end).update(repeating: 0, count: ChunkShape.run &- end)
      unsafe totals[row] = totals[row] * factor + sum
      unsafe (tops[row], factors[row]) = (top, factor)
      row &+= 1
    }
  }

  /// Adds the values of the block of 128 lane rows, times their attention weights, to the output.
  @inline(never)
  private func mix(first: Int, _ attentionWeights: UnsafePointer<Float>) {
    let stride = shape.mixedStride
    var element = 0
    while element < stride {
      let values = unsafe lane.values + (element &* lane.rows &+ first &* ProductTile.columns)
      var row = 0
      while row < shape.height {
        let strip = strip(row)
        if strip.seen > first {
          let tile = unsafe ProductTile(
            a: attentionWeights + row &* ChunkShape.run, aStride: ChunkShape.run,
            count: strip.count,
            b: values,
            bStride: ProductTile.columns, depth: min(strip.seen &- first, ChunkShape.run))
          unsafe tile.add(
            to: mixed + (row &* stride &+ element), stride: stride, count: strip.count,
            factors: factors + row)
        }
        row &+= ProductTile.rows
      }
      element &+= ProductTile.columns
    }
  }

  private func finish(_ out: UnsafeMutablePointer<Float>, stride: Int) {
    let (group, depth) = (shape.group, shape.depth)
    for row in 0..<shape.height {
      unsafe Kernels.scale(
        mixed + row &* shape.mixedStride, by: normalisation(row),
        into: out + (row / group &* stride &+ row % group &* depth), count: depth)
    }
  }

  /// Adds one more part to the attention of each query and head, after `attend`, and writes its
  /// output anew. A query that reads nothing of the part keeps its output.
  ///
  /// - Parameters:
  ///   - part: the part's sums of weights times values, laid out as `out`.
  ///   - tops: the logarithm of the factor that the part's weights lack, from the first query's
  ///     first head on; `heads` numbers from query to query.
  ///   - totals: the sums of the part's weights, laid out as `tops`; 0 where nothing is read.
  ///   - heads: query heads of the layer.
  package func join(
    _ part: UnsafePointer<Float>, tops partTops: UnsafePointer<Float>,
    totals partTotals: UnsafePointer<Float>, heads: Int, into out: UnsafeMutablePointer<Float>,
    stride: Int
  ) {
    let (group, depth) = (shape.group, shape.depth)
    for row in 0..<shape.height {
      let (query, head) = (row / group, row % group)
      let index = query * heads + head
      guard unsafe partTotals[index] > 0 else { continue }
      let top = unsafe max(tops[row], partTops[index])
      let own = unsafe Kernels.rescaling(from: tops[row], to: top)
      let other = unsafe Kernels.rescaling(from: partTops[index], to: top)
      let factor = unsafe 1 / (own * totals[row] + other * partTotals[index])
      let start = query * stride + head * depth
      unsafe Kernels.scale(
        mixed + row * shape.mixedStride, by: own * factor, into: out + start, count: depth)
      unsafe Kernels.add(part + start, times: other * factor, to: out + start, count: depth)
    }
  }

  /// The factor that turns a row's attention weights into probabilities; 0 when every logit was −∞.
  private func normalisation(_ row: Int) -> Float {
    unsafe totals[row] == 0 ? 0 : 1 / totals[row]
  }

  /// Writes the logarithm of the sum of exponentials of each query and head, after `attend`.
  ///
  /// The logarithms of query `q` go to `target + (q + offset) × stride`. Queries with a negative
  /// `q + offset` are skipped.
  package func writeLogSums(to target: UnsafeMutablePointer<Float>, stride: Int, offset: Int) {
    let group = shape.group
    for row in 0..<shape.height where row / group + offset >= 0 {
      unsafe target[(row / group + offset) * stride + row % group] =
        unsafe tops[row] + log(totals[row])
    }
  }

  /// Adds each lane row's probabilities, summed over the queries, to `sums`, `group × stride`
  /// floats. After `attend`, if the block keeps its attention weights.
  package func addColumnSums(to sums: UnsafeMutablePointer<Float>, stride: Int) {
    guard let tops = unsafe topsOfRuns else { return }
    let (height, group) = (shape.height, shape.group)
    for run in 0..<shape.runs {
      let first = run &* ChunkShape.run
      let count = min(ChunkShape.run, shape.visible &- first)
      for row in 0..<height where shape.seen(by: row) > first {
        let worth = unsafe Kernels.rescaling(from: tops[run &* height &+ row], to: self.tops[row])
        let attentionWeights = unsafe attentionWeights(of: run) + row &* ChunkShape.run
        unsafe Kernels.add(
          attentionWeights, times: worth * normalisation(row),
          to: sums + (row % group &* stride &+ first),
          count: count)
      }
    }
  }
}

/// The sizes of a block of queries.
package struct ChunkShape: Sendable {
  /// Lane rows in a block of rows, which the code calls a `run`.
  package static let run = 128
  /// About how many rows of A a block should have: enough to pay for reading the lane, few enough
  /// that the logits stay in the second-level cache.
  private static let wantedHeight = 96

  /// Number of consecutive queries.
  package let queries: Int
  /// Query heads that share the lane.
  package let group: Int
  /// Elements of a head.
  package let depth: Int
  /// Number of lane rows before the row of the first query.
  package let past: Int
  /// Whether the attention weights of all visible rows are kept, for `addColumnSums`.
  package let keepsWeights: Bool

  /// Makes a shape from its sizes.
  package init(queries: Int, group: Int, depth: Int, past: Int, keepsWeights: Bool = false) {
    self.queries = queries
    self.group = group
    self.depth = depth
    self.past = past
    self.keepsWeights = keepsWeights
  }

  /// The number of queries in a block, if `group` query heads share a lane.
  package static func queries(group: Int) -> Int { max(1, wantedHeight / group) }

  /// Rows of A: one for each query and head, with the heads of a query together.
  var height: Int { queries * group }
  /// Number of lane rows that the last query sees.
  var visible: Int { past + queries }
  /// Number of blocks of 128 rows among the `visible` rows.
  var runs: Int { (visible + Self.run - 1) / Self.run }
  /// Floats in a row of the output, rounded up to whole tiles.
  var mixedStride: Int { ProductTile.wholeColumns(depth) }

  /// Number of lane rows that a row of A sees.
  @inline(__always)
  func seen(by row: Int) -> Int { past &+ row / group &+ 1 }

  /// Floats of scratch memory that a block needs.
  package var scratchFloats: Int {
    let runsKept = keepsWeights ? runs : 1
    return height * (depth + mixedStride + 4 + runsKept * (Self.run + 1))
      + 3 * ProductTile.columns
  }
}
