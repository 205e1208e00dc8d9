import KVPolicyKit

/// What the threads share out of one step's attention in one layer.
///
/// A lane's rows go in runs of `runRows`; a split is one key head and one run. It has logits, weighs its
/// rows under its own greatest logit, and mixes its values by these weights:
///
/// ```text
/// run 0   logits → top₀, weights, total₀, mixed₀ ┐   top = max topᵣ     fᵣ = e^(topᵣ − top)
/// run 1   logits → top₁, weights, total₁, mixed₁ ┼→  mixed = Σ fᵣ·mixedᵣ / Σ fᵣ·totalᵣ, in order
/// ```
///
/// So one region of the team is enough where no policy has a say before the output, and the result does
/// not depend on how many threads there are.
@unsafe struct StepAttention {
  // Splits and query heads are below the numbers of them, a thread's number below the threads that
  // `scratch.blocks` was made for, and rows are clamped to the lane's: every index is in its buffer.

  /// A power of two, for a run of gathered keys is read as a page.
  private static let runRows = 128

  private let session: LlamaSession
  private let layer: Int
  private let row: TokenRow
  private let isPlaced: Bool
  /// Floats from a query head's weights to the next one's: a multiple of sixteen.
  private let stride: Int
  /// `queryHeads` rows of `stride` floats: logits, then weights, then perhaps probabilities.
  private let weights: UnsafeMutablePointer<Float>
  /// Likewise: the logits, for a policy.
  private let logits: UnsafeMutablePointer<Float>?
  /// Query heads that read a lane, all of them, and floats of a head.
  private let (group, heads, width): (Int, Int, Int)
  /// Runs of a lane of `stride` rows; at least 1.
  private let runs: Int
  private let mixed: UnsafeMutablePointer<Float>  // runs × queryHeads × width
  private let tops: UnsafeMutablePointer<Float>  // runs × queryHeads
  private let totals: UnsafeMutablePointer<Float>  // runs × queryHeads
  /// Whether the weights of a split are still its logits. One per split.
  private let unweighed: UnsafeMutablePointer<Float>

  init(
    _ session: LlamaSession, layer: Int, _ row: TokenRow, stride: Int,
    weights: UnsafeMutablePointer<Float>, logits: UnsafeMutablePointer<Float>?
  ) {
    unsafe self.session = session
    unsafe self.layer = layer
    unsafe self.row = row
    unsafe self.stride = stride
    unsafe self.weights = weights
    unsafe self.logits = logits
    unsafe isPlaced = session.wants[layer].rule != .original
    unsafe group = session.sequence.store.shape.group
    unsafe heads = session.model.configuration.queryHeads
    unsafe width = session.model.configuration.headDimension
    unsafe runs = max(1, (stride + Self.runRows - 1) / Self.runRows)
    // A split is one of no more key heads than there are query heads.
    let room = unsafe row.scratch.partial.room(runs * heads * (width + 3))
    unsafe mixed = room
    unsafe tops = room + runs * heads * width
    unsafe totals = tops + runs * heads
    unsafe unweighed = totals + runs * heads
    unsafe unweighed.update(repeating: 1, count: splits)
  }

  /// Splits of the layer.
  var splits: Int { unsafe runs * session.model.configuration.keyHeads }

  private var scale: Float { unsafe 1 / Float(width).squareRoot() }

  /// Logits of a split, and a copy of them if a policy wants one.
  func computeLogits(_ split: Int, thread: Int) {
    let head = unsafe split / runs
    let first = unsafe head * group
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      let range = unsafe range(split, of: rows.count)
      let queries = unsafe row.queries + first * width
      let target = unsafe weights + first * stride
      guard !range.isEmpty else { return }
      if unsafe isPlaced {
        unsafe computePlacedLogits(queries, rows, head: head, range, thread: thread, into: target)
      } else {
        unsafe Kernels.logits(
          queries: queries, group: group, rows: rows, range: range, scale: scale, into: target,
          stride: stride)
      }
      guard let logits = unsafe logits else { return }
      for head in unsafe first..<first + group {
        let start = unsafe head * stride + range.lowerBound
        unsafe (logits + start).update(from: weights + start, count: range.count)
      }
    }
  }

  /// Logits by keys that are stored un-rotated: each is rotated where the policy has it now.
  private func computePlacedLogits(
    _ queries: UnsafePointer<Float>, _ rows: LaneRows, head: Int, _ range: Range<Int>, thread: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let keys = unsafe row.scratch.blocks[thread].room(Self.runRows * width)
    unsafe session.gatherPlacedKeys(layer: layer, head: head, range: range, into: keys)
    unsafe withUnsafePointer(to: Optional(UnsafeMutableRawPointer(keys))) { page in
      // The keys of the run look like the only page of a lane of their own.
      let run = unsafe LaneRows(
        count: range.count, slots: rows.slots, pages: page, pageRows: Self.runRows,
        headDimension: width, format: .f32, rowBytes: 4 * width, isDense: true)
      unsafe Kernels.logits(
        queries: queries, group: group, rows: run, range: 0..<range.count, scale: scale,
        into: target + range.lowerBound, stride: stride)
    }
  }

  /// The logits of a split become weights under its own greatest one.
  func weigh(_ split: Int) {
    let (head, run) = unsafe (split / runs, split % runs)
    let range = unsafe range(split, of: session.sequence.rowCount(layer: layer, head: head))
    for queryHead in unsafe head * group..<(head + 1) * group {
      // Up to fifteen floats past the run are written: the row's own, before the next run begins.
      let x = unsafe weights + queryHead * stride + range.lowerBound
      let top = unsafe Kernels.greatest(padding: x, count: range.count)
      unsafe tops[run * heads + queryHead] = top
      unsafe totals[run * heads + queryHead] = Kernels.exponentials(x, count: range.count, top: top)
    }
    unsafe unweighed[split] = 0
  }

  /// The weights of a split are its logits again, where a policy has its say before the output.
  func unweigh(_ split: Int) {
    guard unsafe unweighed[split] == 0, let logits = unsafe logits else { return }
    let head = unsafe split / runs
    let range = unsafe range(split, of: session.sequence.rowCount(layer: layer, head: head))
    for queryHead in unsafe head * group..<(head + 1) * group {
      let start = unsafe queryHead * stride + range.lowerBound
      unsafe (weights + start).update(from: logits + start, count: range.count)
    }
    unsafe unweighed[split] = 1
  }

  /// The splits of a lane, or the one of them that a row is in.
  func splits(ofLane head: Int, row: Int? = nil) -> Range<Int> {
    let first = unsafe head * runs
    guard let row else { return unsafe first..<first + runs }
    return unsafe first + row / Self.runRows..<first + row / Self.runRows + 1
  }

  /// The values of a split are mixed by its weights.
  func mixValues(_ split: Int) {
    if unsafe unweighed[split] != 0 { unsafe weigh(split) }
    let (head, run) = unsafe (split / runs, split % runs)
    let first = unsafe head * group
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.mixValues(
        weights: weights + first * stride, stride: stride, group: group, rows: rows,
        range: range(split, of: rows.count), into: mixed + (run * heads + first) * width)
    }
  }

  /// Joins the runs, in order: the output of every query head.
  func join() {
    for head in unsafe 0..<heads {
      let target = unsafe row.mixed + head * width
      let top = unsafe greatestTop(head)
      let factor = unsafe normalisation(head, top: top)
      unsafe target.update(repeating: 0, count: width)
      for run in unsafe 0..<runs {
        let index = unsafe run * heads + head
        unsafe Kernels.add(
          mixed + index * width, times: Kernels.rescaling(from: tops[index], to: top) * factor,
          to: target, count: width)
      }
    }
  }

  /// A query head's probabilities, from the weights of all splits; `target` may be where these are.
  func normalise(queryHead: Int, into target: UnsafeMutablePointer<Float>) {
    let top = unsafe greatestTop(queryHead)
    let factor = unsafe normalisation(queryHead, top: top)
    let count = unsafe session.sequence.rowCount(layer: layer, head: queryHead / group)
    for run in unsafe 0..<runs {
      let rows = unsafe range(run, of: count)
      let first = unsafe queryHead * stride + rows.lowerBound
      let worth = unsafe Kernels.rescaling(from: tops[run * heads + queryHead], to: top)
      unsafe Kernels.scale(
        weights + first, by: worth * factor, into: target + first, count: rows.count)
    }
  }

  private func greatestTop(_ head: Int) -> Float {
    unsafe (0..<runs).reduce(-.infinity) { unsafe max($0, tops[$1 * heads + head]) }
  }

  /// What makes probabilities of weights under `top`. When every logit was −∞ they are all 0.
  private func normalisation(_ head: Int, top: Float) -> Float {
    var total: Float = 0
    for run in unsafe 0..<runs {
      let index = unsafe run * heads + head
      total += unsafe Kernels.rescaling(from: tops[index], to: top) * totals[index]
    }
    return total == 0 ? 0 : 1 / total
  }

  /// The rows of a split, in a lane of `count` rows; none when the lane is shorter.
  private func range(_ split: Int, of count: Int) -> Range<Int> {
    let first = unsafe split % runs * Self.runRows
    return unsafe (first..<first + Self.runRows).clamped(to: 0..<count)
  }
}
