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
///
/// A policy may have a say before the output. Then logits are computed first, the policy sees them, `hide`
/// takes out what its plan drops, and `mixValues` does the rest.
@safe struct StepAttention {
  // Splits and query heads are below the numbers of them, a thread's number below the threads that
  // `scratch.blocks` was made for, and rows are clamped to the lane's: every index is in its buffer.

  /// A power of two, for a run of gathered keys is read as a page.
  private static let runRows = 128

  private let session: LlamaSession
  private let layer: Int
  @unsafe private let rows: TokenRows
  private let shown: SignalSet
  private let isPlaced: Bool
  /// Floats from a query head's weights to the next one's: a multiple of sixteen, and at least the rows of
  /// the longest lane.
  private let stride: Int
  /// `queryHeads` rows of `stride` floats: logits, then weights, then perhaps probabilities.
  @unsafe private let weights: UnsafeMutablePointer<Float>
  /// `queryHeads` rows of `stride` floats: the logits, for a policy.
  @unsafe private let logits: UnsafeMutablePointer<Float>?
  /// `queryHeads` rows of `stride` floats: the probabilities, for a policy. `weights` if these are not
  /// needed afterwards.
  @unsafe private let probabilities: UnsafeMutablePointer<Float>
  /// Query heads that read a lane, all of them, and floats of a head.
  private let (group, heads, width): (Int, Int, Int)
  /// Runs of a lane of `stride` rows; at least 1.
  private let runs: Int
  @unsafe private let mixed: UnsafeMutablePointer<Float>  // runs × queryHeads × width
  @unsafe private let tops: UnsafeMutablePointer<Float>  // runs × queryHeads
  @unsafe private let totals: UnsafeMutablePointer<Float>  // runs × queryHeads
  /// Whether the weights of a split are still its logits. One per split.
  @unsafe private let unweighed: UnsafeMutablePointer<Float>

  /// Makes room for the attention of the newest row of every lane of a layer, whose queries it rotates where
  /// keys are stored un-rotated.
  init(
    _ session: LlamaSession, layer: Int, _ rows: TokenRows, shown: SignalSet, phase: Phase
  ) {
    self.session = session
    self.layer = layer
    unsafe self.rows = unsafe rows
    self.shown = shown
    isPlaced = session.declared[layer].rule != .original
    group = session.sequence.store.shape.group
    heads = session.model.configuration.queryHeads
    width = session.model.configuration.headDimension
    stride = ProductTile.wholeColumns(session.longestLane(layer))
    runs = max(1, (stride + Self.runRows - 1) / Self.runRows)

    let scratch = unsafe rows.scratch
    let floats = heads * stride
    let keepsLogits = shown.stepLogits || phase == .beforeOutput
    let raw = unsafe scratch.stepLogits.room(keepsLogits ? floats : 0)
    unsafe logits = keepsLogits ? raw : nil
    unsafe weights = scratch.weights.room(floats)
    // After the output the weights are not needed any more.
    let isApart = shown.stepProbabilities && phase != .afterOutput
    unsafe probabilities = isApart ? scratch.probabilities.room(floats) : weights
    // There are at most as many key heads as query heads, so `runs × heads` flags are enough.
    let room = unsafe scratch.partial.room(runs * heads * (width + 3))
    unsafe mixed = room
    unsafe tops = room + runs * heads * width
    unsafe totals = tops + runs * heads
    unsafe unweighed = totals + runs * heads
    unsafe unweighed.update(repeating: 1, count: splits)
    if isPlaced { unsafe session.placeQueries(rows.queries, count: 1, layer: layer) }
  }

  /// What the policy is shown, once it is computed.
  var signals: SignalBuffers {
    var signals = SignalBuffers()
    signals.stride = stride
    if shown.stepLogits { unsafe signals.logits = UnsafePointer(logits) }
    if shown.stepProbabilities { unsafe signals.probabilities = UnsafePointer(probabilities) }
    return signals
  }

  /// Splits of the layer.
  private var splits: Int { runs * session.model.configuration.keyHeads }

  private var scale: Float { 1 / Float(width).squareRoot() }

  // MARK: Work of the whole team

  /// The attention output of every query head, where no policy has a say before it: one region of the team.
  func run() {
    session.model.team.share(splits, grain: 1, with: self) { step, thread, splits in
      for split in splits {
        step.computeLogits(split, thread: thread)
        step.mixValues(split)
      }
    }
    join()
  }

  /// Only the logits, and the weights if the policy is shown probabilities.
  func computeLogits() {
    session.model.team.share(splits, grain: 1, with: self) { step, thread, splits in
      for split in splits {
        step.computeLogits(split, thread: thread)
        if step.shown.stepProbabilities { step.weigh(split) }
      }
    }
  }

  /// The output, once the logits are computed.
  func mixValues() {
    session.model.team.share(splits, grain: 1, with: self) { step, _, splits in
      for split in splits { step.mixValues(split) }
    }
    join()
  }

  /// The output, once the logits are computed, while one thread shows the policy the step.
  func mixValues(showing moment: Moment) {
    let input = (step: self, moment: moment)
    // The hook reads and writes columns and what the policy remembers; the rest, rows and weights.
    session.model.team.share(1 + splits, grain: 1, with: input) { input, _, items in
      let step = input.step
      for item in items {
        if item == 0 {
          step.session.observe(
            layer: step.layer, moment: input.moment, signals: step.signals,
            beside: step.session.model.team.threads)
        } else {
          step.mixValues(item - 1)
        }
      }
    }
    join()
  }

  // MARK: Work on a split

  /// Logits of a split, and a copy of them if a policy wants one.
  private func computeLogits(_ split: Int, thread: Int) {
    let head = split / runs
    let first = head * group
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      let range = unsafe range(split, of: rows.count)
      let queries = unsafe self.rows.queries + first * width
      let target = unsafe weights + first * stride
      guard !range.isEmpty else { return }
      if isPlaced {
        unsafe computePlacedLogits(queries, rows, head: head, range, thread: thread, into: target)
      } else {
        unsafe Kernels.logits(
          queries: queries, group: group, rows: rows, range: range, scale: scale, into: target,
          stride: stride)
      }
      guard let logits = unsafe logits else { return }
      for head in first..<first + group {
        let start = head * stride + range.lowerBound
        unsafe (logits + start).update(from: weights + start, count: range.count)
      }
    }
  }

  /// Logits by keys that are stored un-rotated: each is rotated where the policy has it now.
  private func computePlacedLogits(
    _ queries: UnsafePointer<Float>, _ rows: LaneRows, head: Int, _ range: Range<Int>, thread: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let keys = unsafe self.rows.scratch.blocks[thread].room(Self.runRows * width)
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
  private func weigh(_ split: Int) {
    let (head, run) = (split / runs, split % runs)
    let range = range(split, of: session.sequence.rowCount(layer: layer, head: head))
    for queryHead in head * group..<(head + 1) * group {
      // Up to fifteen floats past the run are written: the row's own, before the next run begins.
      let x = unsafe weights + queryHead * stride + range.lowerBound
      let top = unsafe Kernels.greatest(padding: x, count: range.count)
      unsafe tops[run * heads + queryHead] = top
      unsafe totals[run * heads + queryHead] = Kernels.exponentials(x, count: range.count, top: top)
    }
    unsafe unweighed[split] = 0
  }

  /// The weights of a split are its logits again, where a policy has its say before the output.
  private func unweigh(_ split: Int) {
    guard unsafe unweighed[split] == 0, let logits = unsafe logits else { return }
    let head = split / runs
    let range = range(split, of: session.sequence.rowCount(layer: layer, head: head))
    for queryHead in head * group..<(head + 1) * group {
      let start = queryHead * stride + range.lowerBound
      unsafe (weights + start).update(from: logits + start, count: range.count)
    }
    unsafe unweighed[split] = 1
  }

  /// The splits of a lane, or the one of them that a row is in.
  private func splits(ofLane head: Int, row: Int? = nil) -> Range<Int> {
    let first = head * runs
    guard let row else { return first..<first + runs }
    return first + row / Self.runRows..<first + row / Self.runRows + 1
  }

  /// The values of a split are mixed by its weights.
  private func mixValues(_ split: Int) {
    if unsafe unweighed[split] != 0 { weigh(split) }
    let (head, run) = (split / runs, split % runs)
    let first = head * group
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      unsafe Kernels.mixValues(
        weights: weights + first * stride, stride: stride, group: group, rows: rows,
        range: range(split, of: rows.count), into: mixed + (run * heads + first) * width)
    }
  }

  /// Joins the runs, in order: the output of every query head.
  private func join() {
    for head in 0..<heads {
      let target = unsafe rows.mixed + head * width
      let top = greatestTop(head)
      let factor = normalisation(head, top: top)
      unsafe target.update(repeating: 0, count: width)
      for run in 0..<runs {
        let index = run * heads + head
        unsafe Kernels.add(
          mixed + index * width, times: Kernels.rescaling(from: tops[index], to: top) * factor,
          to: target, count: width)
      }
    }
  }

  /// The probabilities of every query head, from the weights of all splits. On this thread: the work is less
  /// than sharing it out.
  func normalise() {
    for head in 0..<heads {
      let top = greatestTop(head)
      let factor = normalisation(head, top: top)
      let count = session.sequence.rowCount(layer: layer, head: head / group)
      for run in 0..<runs {
        let rows = range(run, of: count)
        let first = head * stride + rows.lowerBound
        let worth = unsafe Kernels.rescaling(from: tops[run * heads + head], to: top)
        unsafe Kernels.scale(
          weights + first, by: worth * factor, into: probabilities + first, count: rows.count)
      }
    }
  }

  private func greatestTop(_ head: Int) -> Float {
    (0..<runs).reduce(-.infinity) { unsafe max($0, tops[$1 * heads + head]) }
  }

  /// What makes probabilities of weights under `top`. When every logit was −∞ they are all 0.
  private func normalisation(_ head: Int, top: Float) -> Float {
    var total: Float = 0
    for run in 0..<runs {
      let index = run * heads + head
      total += unsafe Kernels.rescaling(from: tops[index], to: top) * totals[index]
    }
    return total == 0 ? 0 : 1 / total
  }

  /// The rows of a split, in a lane of `count` rows; none when the lane is shorter.
  private func range(_ split: Int, of count: Int) -> Range<Int> {
    let first = split % runs * Self.runRows
    return (first..<first + Self.runRows).clamped(to: 0..<count)
  }
}

/// A policy's say before the output.
extension StepAttention {
  /// Sets the logits of rows that a plan drops, or hides from a query head, to −∞, and marks the splits they
  /// are in for weighing again. Rows are numbered as before the plan, which is carried out afterwards.
  func hide(_ plan: CachePlan) {
    for edit in plan.edits {
      let first = edit.lane.head * group
      var row: Int?
      if case .drop(_, let dropped) = edit, dropped.count == 1 { row = Int(plan.rows(dropped)[0]) }
      for split in splits(ofLane: edit.lane.head, row: row) {
        unweigh(split)
      }
      switch edit {
      case .drop(_, let list):
        let rows = plan.rows(list)
        for head in first..<first + group {
          for index in rows.indices {
            unsafe weights[head * stride + Int(rows[index])] = -.infinity
          }
        }
      case .keep(_, let list):
        for head in first..<first + group {
          keepOnly(plan.rows(list), queryHead: head)
        }
      case .attend, .place: break
      }
    }
    // What a query head may read is said of the rows before the drop, so it overrides the drop.
    for case .attend(let lane, let head, let rows) in plan.edits {
      keepOnly(plan.rows(rows), queryHead: lane.head * group + head)
    }
  }

  /// The weights of a query head become its logits again for `rows`, and −∞ for all others.
  private func keepOnly(_ rows: Span<Int32>, queryHead: Int) {
    guard let logits = unsafe logits else { return }
    let target = unsafe weights + queryHead * stride
    unsafe target.update(repeating: -.infinity, count: stride)
    for index in rows.indices {
      unsafe target[Int(rows[index])] = logits[queryHead * stride + Int(rows[index])]
    }
  }
}
