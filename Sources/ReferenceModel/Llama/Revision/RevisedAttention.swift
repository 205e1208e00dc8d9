import Foundation
import KVPolicyKit

/// Attention of past tokens, in a step that corrects them, over the rows that the new token reads
/// and they have not read before.
///
/// What a token reads joins what it has read so far:
///
/// ```text
/// so far   logSum, mixed ┐  top = max(logSum, topₙ),  a = e^(logSum − top),  b = e^(topₙ − top)
/// new      topₙ, totalₙ, ┴→ mixed = (a · mixed + b · mixedₙ) / (a + b · totalₙ)
///          mixedₙ
/// ```
@safe struct RevisedAttention {
  // Why no access is out of bounds: items are below the number of past tokens times query heads,
  // for which `rows`, `ranges` and the states have room, and ranges are those of `slots`.

  private let session: LlamaSession
  private let layer: Int
  private let revised: RevisedTokens
  /// The past tokens, oldest first.
  @unsafe private let rows: TokenRows
  private let (heads, width): (Int, Int)
  private let alone: Bool

  /// - Parameters:
  ///   - rows: the past tokens, oldest first.
  ///   - alone: whether this thread does all the work.
  init(
    _ session: LlamaSession, layer: Int, _ revised: RevisedTokens, _ rows: TokenRows, alone: Bool
  ) {
    (self.session, self.layer, self.revised) = (session, layer, revised)
    self.alone = alone
    unsafe self.rows = unsafe rows
    heads = session.model.configuration.queryHeads
    width = session.model.configuration.headDimension
  }

  /// Computes the outputs of the past tokens, each its own part of the work.
  func run() {
    revised.slots.removeAll(keepingCapacity: true)
    revised.ranges.removeAll(keepingCapacity: true)
    let first = session.sequence.length.tokens - revised.count
    for token in 0..<revised.count {
      let state = revised.state(token, layer: layer)
      for head in 0..<heads {
        let start = revised.slots.count
        session.sequence.appendUnread(
          layer: layer, queryHead: head, through: first + token, read: &state.read[head],
          into: &revised.slots)
        revised.ranges.append(start..<revised.slots.count)
      }
    }
    session.sequence.bookRevision(rows: revised.slots.count)
    session.share(revised.count * heads, alone: alone, with: self) { step, thread, items in
      for item in items { step.attend(item, thread: thread) }
    }
  }

  /// Computes the output of one query head of a past token.
  private func attend(_ item: Int, thread: Int) {
    let (token, head) = (item / heads, item % heads)
    let state = revised.state(token, layer: layer)
    let mixed = unsafe state.mixed.base + head * width
    if !revised.ranges[item].isEmpty { unsafe read(item, state, thread: thread, into: mixed) }
    unsafe (rows.mixed + item * width).update(from: mixed, count: width)
  }

  /// Reads the rows of one query head, and joins them with what it has read so far.
  @unsafe private func read(
    _ item: Int, _ state: RevisedTokens.State, thread: Int, into mixed: UnsafeMutablePointer<Float>
  ) {
    let (head, range) = (item % heads, revised.ranges[item])
    let stride = ProductTile.wholeColumns(range.count)
    let weights = unsafe rows.scratch.blocks[thread].room(stride + width)
    let part = unsafe weights + stride
    let isCached = revised.revision.pastQuery == .cached
    let query = unsafe isCached ? state.queries.base + head * width : rows.queries + item * width
    let group = session.sequence.store.shape.group
    let (top, total) = unsafe revised.slots.withUnsafeBufferPointer { slots in
      // The range is not empty, so there is a base address.
      unsafe session.sequence.withRows(
        layer: layer, head: head / group,
        slots: slots.baseAddress.unsafelyUnwrapped + range.lowerBound, count: range.count
      ) { rows in
        unsafe Kernels.logits(
          queries: query, group: 1, rows: rows, range: 0..<rows.count,
          scale: 1 / Float(width).squareRoot(), into: weights, stride: stride)
        let top = unsafe Kernels.greatest(padding: weights, count: rows.count)
        let total = unsafe Kernels.exponentials(weights, count: rows.count, top: top)
        unsafe Kernels.mixValues(
          weights: weights, stride: stride, group: 1, rows: rows, range: 0..<rows.count, into: part)
        return (top, total)
      }
    }
    let before = unsafe state.logSums.base[head]
    let greatest = max(before, top)
    let own = Kernels.rescaling(from: before, to: greatest)
    let new = Kernels.rescaling(from: top, to: greatest)
    let sum = own + new * total
    guard sum > 0 else { return }
    unsafe Kernels.scale(mixed, by: own / sum, into: mixed, count: width)
    unsafe Kernels.add(part, times: new / sum, to: mixed, count: width)
    unsafe state.logSums.base[head] = greatest + log(sum)
  }
}
