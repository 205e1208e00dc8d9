import Foundation
import KVPolicyKit

/// One step's attention in one layer, divided among the threads.
///
/// A lane's rows are divided into blocks of `runRows` = 128 rows; the code calls a block a `run`. A
/// split is one block of one key head. Each split computes its logits, turns them into attention
/// weights relative to its own greatest logit, and sums its values by these weights:
///
/// ```text
/// run 0   logits → top₀, weights, total₀, mixed₀ ┐   top = max topᵣ     fᵣ = e^(topᵣ − top)
/// run 1   logits → top₁, weights, total₁, mixed₁ ┼→  mixed = Σ fᵣ·mixedᵣ / Σ fᵣ·totalᵣ, in order
/// ```
///
/// So a single parallel region is enough where no policy decides before the output, and the result
/// does not depend on the number of threads.
///
/// A layer's reader may have named rows beforehand. Everything above is then about *lists* of rows:
/// the key head of a split is a list, one of each key head or one of each query head, and the
/// lane's rows are those of the list, in its order.
///
/// In phase `beforeOutput` the policy decides in between: `computeLogits` comes first, the policy
/// sees the logits, `hide` masks the rows that its plan drops or hides, and `mixValues` computes
/// the output.
@safe struct StepAttention {
  // Why no access is out of bounds: the indices of splits and query heads are below their counts, a
  // thread's number is below the thread count that `scratch.blocks` was made for, and ranges of
  // rows are clamped to the lane.

  /// A power of two, because a block of gathered keys is read as a page.
  static let runRows = 128

  private let session: LlamaSession
  private let layer: Int
  @unsafe private let rows: TokenRows
  private let shown: SignalSet
  /// Whether one thread does all the work, because other threads work for other sessions.
  private let alone: Bool
  /// Whether the layer keeps the step's query, and therefore its sum of exponentials.
  private let keepsQuery: Bool
  private let isPlaced: Bool
  /// Whether codes are multiplied in integers.
  private let inIntegers: Bool
  /// Floats from one query head's attention weights to the next head's: whole tiles, and
  /// at least the rows of the longest lane.
  private let stride: Int
  /// `queryHeads × stride` floats: logits, then attention weights, then perhaps probabilities.
  @unsafe private let attentionWeights: UnsafeMutablePointer<Float>
  /// `queryHeads × stride` floats: a copy of the logits, for the policy and for `hide`.
  @unsafe private let logits: UnsafeMutablePointer<Float>?
  /// `queryHeads × stride` floats: the probabilities, for a policy. The same memory as
  /// `attentionWeights` if these are not needed after the probabilities are computed.
  @unsafe private let probabilities: UnsafeMutablePointer<Float>
  /// Query heads that share a list of rows, all query heads, and elements of a head.
  private let (group, heads, width): (Int, Int, Int)
  /// Signals by row of the lane, where logits and probabilities are by row of the list; nil where
  /// every row is read.
  private let spread: SpreadSignals?
  /// Blocks of 128 rows in a lane of `stride` rows; at least 1.
  private let runs: Int
  @unsafe private let mixed: UnsafeMutablePointer<Float>  // runs × queryHeads × width
  // Head by head, because threads begin with different heads: they seldom write in one cache line.
  @unsafe private let tops: UnsafeMutablePointer<Float>  // queryHeads × runs
  @unsafe private let totals: UnsafeMutablePointer<Float>  // queryHeads × runs
  /// One flag per split: not 0 while the split's part of `attentionWeights` still holds logits.
  @unsafe private let unweighed: UnsafeMutablePointer<Float>

  /// Makes room for the attention of a step's token in one layer. Where keys are stored un-rotated,
  /// it also rotates the token's queries at their places.
  init(
    _ session: LlamaSession, layer: Int, _ rows: TokenRows, shown: SignalSet, phase: Phase,
    alone: Bool
  ) {
    self.session = session
    self.layer = layer
    unsafe self.rows = unsafe rows
    self.shown = shown
    self.alone = alone
    keepsQuery = session.declared[layer].signals.recentRows > 0
    isPlaced = session.declared[layer].rule != .original
    inIntegers = session.model.arithmetic != .exact
    group = session.sequence.listGroup
    heads = session.model.configuration.queryHeads
    width = session.model.configuration.headDimension
    stride = ProductTile.wholeColumns(session.longestList(layer, of: heads / group))
    runs = max(1, (stride + Self.runRows - 1) / Self.runRows)

    let scratch = unsafe rows.scratch
    let floats = heads * stride
    let keepsLogits = shown.stepLogits || phase == .beforeOutput
    let raw = unsafe scratch.stepLogits.room(keepsLogits ? floats : 0)
    unsafe logits = keepsLogits ? raw : nil
    unsafe attentionWeights = scratch.attentionWeights.room(floats)
    // After the output the attention weights are not needed, so probabilities may overwrite them.
    let isApart = shown.stepProbabilities && phase != .afterOutput
    unsafe probabilities = isApart ? scratch.probabilities.room(floats) : attentionWeights
    spread =
      session.sequence.readsPart && (shown.stepLogits || shown.stepProbabilities)
      ? SpreadSignals(scratch, heads: heads, stride: session.longestLane(layer)) : nil
    // There are at most as many key heads as query heads, so `runs × heads` flags are enough.
    let room = unsafe scratch.partial.room(runs * heads * (width + 3))
    unsafe mixed = room
    unsafe tops = room + runs * heads * width
    unsafe totals = tops + runs * heads
    unsafe unweighed = totals + runs * heads
    unsafe unweighed.update(repeating: 1, count: splits)
    if isPlaced { unsafe session.placeQueries(rows.queries, count: 1, layer: layer) }
  }

  /// The signals to show the policy, once they are computed.
  var signals: SignalBuffers {
    var signals = SignalBuffers()
    signals.stride = spread?.stride ?? max(stride, session.longestLane(layer))
    if shown.stepLogits {
      unsafe signals.logits = UnsafePointer(spread?.logits ?? logits)
    }
    if shown.stepProbabilities {
      unsafe signals.probabilities = UnsafePointer(spread?.probabilities ?? probabilities)
    }
    unsafe signals.lend(rows, shown, session.model.configuration)
    if shown.valueReach {
      signals.valueReach = ValueReach(session, layer: layer, isShared: false)
    }
    if shown.recentRows > 0 {
      signals.promptRowCount = session.recentQueries[layer].count
      signals.promptRows = StepRows(session, layer: layer, stride: signals.stride)
    }
    return signals
  }

  /// Number of splits in the layer.
  private var splits: Int { runs * heads / group }

  private var scale: Float { 1 / Float(width).squareRoot() }

  // MARK: Work of the whole team

  /// Computes the attention output of every query head in one parallel region, where no policy
  /// decides before the output.
  func run() {
    unsafe lendLists { input in
      unsafe session.share(splits, alone: alone, with: input) { input, thread, splits in
        for split in splits {
          unsafe input.step.computeLogits(split, of: input.lists, thread: thread)
          unsafe input.step.mixValues(split, of: input.lists, thread: thread)
        }
      }
    }
    noteLogSums()
    join()
  }

  /// Computes only the logits, and the attention weights if the policy is shown probabilities.
  func computeLogits() {
    unsafe lendLists { input in
      unsafe session.share(splits, alone: alone, with: input) { input, thread, splits in
        let step = unsafe input.step
        for split in splits {
          unsafe step.computeLogits(split, of: input.lists, thread: thread)
          if step.shown.stepProbabilities || step.keepsQuery {
            unsafe step.weigh(split, of: input.lists)
          }
        }
      }
    }
    noteLogSums()
  }

  /// Computes the attention output from the logits.
  func mixValues() {
    unsafe lendLists { input in
      unsafe session.share(splits, alone: alone, with: input) { input, thread, splits in
        for split in splits {
          unsafe input.step.mixValues(split, of: input.lists, thread: thread)
        }
      }
    }
    join()
  }

  /// Computes the attention output from the logits, while one thread shows the policy the step.
  func mixValues(showing moment: Moment) {
    unsafe lendLists { input in
      let input = unsafe (step: input.step, lists: input.lists, moment: moment)
      // No data race: the hook reads signals and changes only columns and the policy's memory,
      // while the other items read rows and change attention weights.
      unsafe session.share(1 + splits, alone: alone, with: input) { input, thread, items in
        let step = unsafe input.step
        for item in items {
          if item == 0 {
            unsafe step.session.observe(
              layer: step.layer, moment: input.moment, signals: step.signals,
              beside: step.session.model.team.threads)
          } else {
            unsafe step.mixValues(item - 1, of: input.lists, thread: thread)
          }
        }
      }
    }
    join()
  }

  /// The layer's lists of rows, or the rows of each lane.
  private typealias Lists = UnsafeBufferPointer<LaneRows>

  /// Lends the lists to the work of the team, and makes room for kernels that read codes.
  private func lendLists(_ body: (_ input: (step: StepAttention, lists: Lists)) -> Void) {
    unsafe session.sequence.withReadRows(layer: layer) { lists in
      let floats = unsafe lists.reduce(0) { unsafe max($0, Kernels.listFloats(heads: group, $1)) }
      for memory in unsafe rows.scratch.lists { _ = unsafe memory.room(floats) }
      unsafe body((step: self, lists: lists))
    }
  }

  // MARK: Work on a split

  /// Computes the logits of a split, and copies them where the policy or `hide` needs a copy.
  private func computeLogits(_ split: Int, of lists: Lists, thread: Int) {
    let head = split / runs
    let first = head * group
    let list = unsafe lists[head]
    let range = unsafe range(split, of: list.count)
    let queries = unsafe rows.queries + first * width
    let target = unsafe attentionWeights + first * stride
    guard !range.isEmpty else { return }
    if isPlaced {
      unsafe computePlacedLogits(queries, list, head: head, range, thread: thread, into: target)
    } else {
      unsafe Kernels.logits(
        queries: queries, group: group, rows: list, range: range, scale: scale,
        inIntegers: inIntegers, memory: rows.scratch.lists[thread].memory, into: target,
        stride: stride)
    }
    guard let logits = unsafe logits else { return }
    for head in first..<first + group {
      let start = head * stride + range.lowerBound
      unsafe (logits + start).update(from: attentionWeights + start, count: range.count)
    }
  }

  /// Computes logits from keys that are stored un-rotated: each key is first rotated at its place.
  private func computePlacedLogits(
    _ queries: UnsafePointer<Float>, _ rows: LaneRows, head: Int, _ range: Range<Int>, thread: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let keys = unsafe self.rows.scratch.blocks[thread].room(Self.runRows * width)
    unsafe session.withPlacedKeys(rows, layer: layer, head: head, range: range, keys) { run in
      unsafe Kernels.logits(
        queries: queries, group: group, rows: run, range: 0..<range.count, scale: scale,
        into: target + range.lowerBound, stride: stride)
    }
  }

  /// Turns the logits of a split into attention weights relative to its greatest logit.
  private func weigh(_ split: Int, of lists: Lists) {
    let (head, run) = (split / runs, split % runs)
    let range = unsafe range(split, of: lists[head].count)
    for queryHead in head * group..<(head + 1) * group {
      // The floats up to the next whole tile are overwritten. They belong to the same query head,
      // and no other split uses them.
      let x = unsafe attentionWeights + queryHead * stride + range.lowerBound
      let top = unsafe Kernels.greatest(padding: x, count: range.count)
      unsafe tops[queryHead * runs + run] = top
      unsafe totals[queryHead * runs + run] = Kernels.exponentials(x, count: range.count, top: top)
    }
    unsafe unweighed[split] = 0
  }

  /// Restores a split's logits in `attentionWeights`, where a policy decides before the output.
  private func unweigh(_ split: Int) {
    guard unsafe unweighed[split] == 0, let logits = unsafe logits else { return }
    let head = split / runs
    let range = range(split, of: session.sequence.readCount(layer: layer, list: head))
    for queryHead in head * group..<(head + 1) * group {
      let start = queryHead * stride + range.lowerBound
      unsafe (attentionWeights + start).update(from: logits + start, count: range.count)
    }
    unsafe unweighed[split] = 1
  }

  /// The splits of a lane, or only the split that contains `row`.
  private func splits(ofLane head: Int, row: Int? = nil) -> Range<Int> {
    let first = head * runs
    guard let row else { return first..<first + runs }
    return first + row / Self.runRows..<first + row / Self.runRows + 1
  }

  /// Sums the values of a split, each times its attention weight.
  private func mixValues(_ split: Int, of lists: Lists, thread: Int) {
    if unsafe unweighed[split] != 0 { unsafe weigh(split, of: lists) }
    let (head, run) = (split / runs, split % runs)
    let first = head * group
    let list = unsafe lists[head]
    unsafe Kernels.mixValues(
      weights: attentionWeights + first * stride, stride: stride, group: group, rows: list,
      range: range(split, of: list.count), inIntegers: inIntegers,
      memory: rows.scratch.lists[thread].memory, into: mixed + (run * heads + first) * width)
  }

  /// Combines the splits of every query head, in order, into its attention output; last comes what
  /// the policy remembers of rows that it forgot.
  private func join() {
    let residual = unsafe ResidualParts(
      session, layer: layer, rows.queries, tokens: 1, rows.scratch, alone: alone)
    for head in 0..<heads {
      let target = unsafe rows.mixed + head * width
      let part = residual?.part(head) ?? ResidualPart()
      let top = part.total > 0 ? max(greatestTop(head), part.top) : greatestTop(head)
      let factor = normalisation(head, top: top, beside: part)
      unsafe target.update(repeating: 0, count: width)
      for run in 0..<runs {
        let worth = unsafe Kernels.rescaling(from: tops[head * runs + run], to: top)
        unsafe Kernels.add(
          mixed + (run * heads + head) * width, times: worth * factor, to: target, count: width)
      }
      guard part.total > 0, let residual else { continue }
      unsafe Kernels.add(
        residual.mixed + head * width, times: Kernels.rescaling(from: part.top, to: top) * factor,
        to: target, count: width)
    }
  }

  /// Completes the signals for the policy.
  func completeSignals() {
    if shown.stepProbabilities { normalise() }
    guard let spread else { return }
    for head in 0..<heads {
      let rows = session.sequence.readRows(list: head / group)
      let count = session.sequence.readCount(layer: layer, list: head / group)
      if shown.stepLogits, let logits = unsafe logits {
        unsafe spread.spread(logits + head * stride, count, rows, filling: -.infinity, head, false)
      }
      if shown.stepProbabilities {
        unsafe spread.spread(probabilities + head * stride, count, rows, filling: 0, head, true)
      }
    }
  }

  /// Computes the probabilities of every query head from the attention weights of all splits. It
  /// runs on the calling thread: a parallel region would cost more than the work.
  private func normalise() {
    for head in 0..<heads {
      let top = greatestTop(head)
      let factor = normalisation(head, top: top)
      let count = session.sequence.readCount(layer: layer, list: head / group)
      for run in 0..<runs {
        let rows = range(run, of: count)
        let first = head * stride + rows.lowerBound
        let worth = unsafe Kernels.rescaling(from: tops[head * runs + run], to: top)
        unsafe Kernels.scale(
          attentionWeights + first, by: worth * factor, into: probabilities + first,
          count: rows.count)
      }
    }
  }

  /// Notes the step's sums of exponentials beside its query, where the layer keeps it. All splits
  /// have been weighed.
  private func noteLogSums() {
    guard keepsQuery else { return }
    let recent = session.recentQueries[layer]
    unsafe writeLogSums(to: recent.logSums + (recent.count - 1) * heads)
  }

  /// Writes the logarithm of the sum of exponentials of every query head, once all splits have been
  /// weighed.
  func writeLogSums(to sums: UnsafeMutablePointer<Float>) {
    for head in 0..<heads {
      let top = greatestTop(head)
      unsafe sums[head] = top - log(normalisation(head, top: top))
    }
  }

  private func greatestTop(_ head: Int) -> Float {
    (0..<runs).reduce(-.infinity) { unsafe max($0, tops[head * runs + $1]) }
  }

  /// The factor that turns attention weights relative to `top` into probabilities; 0 when every
  /// logit was −∞. A part beside the rows takes its share.
  private func normalisation(
    _ head: Int, top: Float, beside part: ResidualPart = ResidualPart()
  ) -> Float {
    var total: Float = 0
    for run in 0..<runs {
      let index = head * runs + run
      total += unsafe Kernels.rescaling(from: tops[index], to: top) * totals[index]
    }
    if part.total > 0 { total += Kernels.rescaling(from: part.top, to: top) * part.total }
    return total == 0 ? 0 : 1 / total
  }

  /// The rows of a split, in a lane of `count` rows; empty if the lane ends before the split.
  private func range(_ split: Int, of count: Int) -> Range<Int> {
    let first = split % runs * Self.runRows
    return (first..<first + Self.runRows).clamped(to: 0..<count)
  }
}

/// A policy's decision before the output.
extension StepAttention {
  /// Sets the logits of rows that a plan drops, or hides from a query head, to −∞, and marks the
  /// splits that contain them for weighing again. Row numbers are those from before the plan, which
  /// is carried out afterwards.
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
            unsafe attentionWeights[head * stride + Int(rows[index])] = -.infinity
          }
        }
      case .keep(_, let list):
        for head in first..<first + group {
          keepOnly(plan.rows(list), queryHead: head)
        }
      case .attend, .place: break
      }
    }
    // An `attend` edit names rows from before the drop, so it overrides the drop.
    for case .attend(let lane, let head, let rows) in plan.edits {
      keepOnly(plan.rows(rows), queryHead: lane.head * group + head)
    }
  }

  /// Restores a query head's logits for `rows` and sets its other logits to −∞.
  private func keepOnly(_ rows: Span<Int32>, queryHead: Int) {
    guard let logits = unsafe logits else { return }
    let target = unsafe attentionWeights + queryHead * stride
    unsafe target.update(repeating: -.infinity, count: stride)
    for index in rows.indices {
      unsafe target[Int(rows[index])] = logits[queryHead * stride + Int(rows[index])]
    }
  }
}
