import KVPolicyKit

/// What the threads share out of one step's attention in one layer.
///
/// A lane's rows go in runs of `runRows`, so that every thread has work and the result does not depend on
/// how many there are: partial sums of runs are added in order. A split is one key head and one run.
@unsafe struct StepAttention {
  // Splits and query heads are below the numbers of them, a thread's number below the threads that
  // `scratch.blocks` was made for, and rows are clamped to the lane's: every index is in its buffer.

  /// A power of two, for a run of gathered keys is read as a page.
  private static let runRows = 128

  private let session: LlamaSession
  private let layer: Int
  /// Floats from a query head's weights to the next one's.
  private let stride: Int
  /// Logits or probabilities: `queryHeads` rows of `stride` floats.
  private let weights: UnsafeMutablePointer<Float>
  /// Query heads that read a lane, and floats of a head.
  private let (group, width): (Int, Int)
  /// Runs of a lane of `stride` rows; at least 1.
  let runs: Int

  init(_ session: LlamaSession, layer: Int, stride: Int, weights: UnsafeMutablePointer<Float>) {
    unsafe self.session = session
    unsafe self.layer = layer
    unsafe self.stride = stride
    unsafe self.weights = weights
    unsafe group = session.sequence.store.shape.group
    unsafe width = session.model.configuration.headDimension
    unsafe runs = max(1, (stride + Self.runRows - 1) / Self.runRows)
  }

  /// Splits of the layer.
  var splits: Int { unsafe runs * session.model.configuration.keyHeads }

  private var scale: Float { unsafe 1 / Float(width).squareRoot() }

  /// Logits of a split, by stored keys as they are.
  func computeLogits(_ split: Int) {
    let head = unsafe split / runs
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.logits(
        queries: session.scratch.queries.base + head * group * width, group: group, rows: rows,
        range: range(split, of: rows.count), scale: scale,
        into: weights + head * group * stride, stride: stride)
    }
  }

  /// Logits of a split whose keys are stored un-rotated: each is rotated where the policy has it now.
  func computePlacedLogits(_ split: Int, thread: Int) {
    let head = unsafe split / runs
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      let range = unsafe range(split, of: rows.count)
      let keys = unsafe session.scratch.blocks[thread].room(Self.runRows * width)
      unsafe session.gatherPlacedKeys(layer: layer, head: head, range: range, into: keys)
      unsafe withUnsafePointer(to: Optional(UnsafeMutableRawPointer(keys))) { page in
        // The keys of the run look like the only page of a lane of their own.
        let run = unsafe LaneRows(
          count: range.count, slots: rows.slots, pages: page, pageRows: Self.runRows,
          headDimension: width, format: .f32, isDense: true)
        unsafe Kernels.logits(
          queries: session.scratch.queries.base + head * group * width, group: group, rows: run,
          range: 0..<range.count, scale: scale,
          into: weights + head * group * stride + range.lowerBound, stride: stride)
      }
    }
  }

  /// Probabilities of one query head.
  func softmax(queryHead: Int) {
    unsafe Kernels.softmax(
      weights + queryHead * stride,
      count: session.sequence.rowCount(layer: layer, head: queryHead / group))
  }

  /// The values of a split, mixed, to its place in the scratch `partial`: `runs` × query heads.
  func mixValues(_ split: Int) {
    let (head, run) = unsafe (split / runs, split % runs)
    let heads = unsafe session.model.configuration.keyHeads
    let target = unsafe session.scratch.partial.base + (run * heads + head) * group * width
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.mixValues(
        weights: weights + head * group * stride, stride: stride, group: group, rows: rows,
        range: range(split, of: rows.count), into: target)
    }
  }

  /// The rows of a split, in a lane of `count` rows; none when the lane is shorter.
  private func range(_ split: Int, of count: Int) -> Range<Int> {
    let first = unsafe split % runs * Self.runRows
    return unsafe (first..<first + Self.runRows).clamped(to: 0..<count)
  }
}
