import KVPolicyKit

/// The signal `recentRows` of one layer in a decode step: the logits of the last queries over the
/// rows present now, one query after the other.
///
/// One thread computes them: the step that asks may share its parallel region with other work.
final class StepRows: PromptRowSource {
  // Why no access is out of bounds: the buffers hold one query, and its logits, for each query head
  // of a lane; lanes have at most `stride` rows, and blocks of keys at most 128.

  private unowned let session: LlamaSession
  private let layer: Int
  private let stride: Int
  private let group: Int
  private let width: Int

  init(_ session: LlamaSession, layer: Int, stride: Int) {
    self.session = session
    self.layer = layer
    self.stride = stride
    group = session.sequence.store.shape.group
    width = session.model.configuration.headDimension
  }

  func lend(of lane: LaneID, _ body: (borrowing PromptSlice) -> Void) {
    let recent = session.recentQueries[layer]
    let query = unsafe session.scratch.promptQueries[0].room(group * width)
    let logits = unsafe session.scratch.promptRows[0].room(group * stride)
    for index in 0..<recent.count {
      unsafe session.copyQuery(index, of: recent, layer: layer, lane: lane.head, into: query)
      unsafe compute(query, lane.head, into: logits)
      unsafe hideLater(than: recent.positions[index], lane.head, in: logits)
      unsafe body(
        PromptSlice(
          first: index, count: 1, stride: stride, base: logits,
          logSums: recent.logSums + lane.head * group,
          logSumStride: session.model.configuration.queryHeads, positions: recent.positions))
    }
  }

  /// The logits of a query's heads over a lane: `group × stride`.
  @unsafe private func compute(
    _ query: UnsafePointer<Float>, _ head: Int, into logits: UnsafeMutablePointer<Float>
  ) {
    unsafe session.sequence.withRows(layer: layer, head: head) { rows in
      let scale = 1 / Float(width).squareRoot()
      guard session.declared[layer].rule != .original else {
        return unsafe Kernels.logits(
          queries: query, group: group, rows: rows, range: 0..<rows.count, scale: scale,
          into: logits, stride: stride)
      }
      let size = StepAttention.runRows
      let keys = unsafe session.scratch.promptRows[1].room(size * width)
      for first in unsafe Swift.stride(from: 0, to: rows.count, by: size) {
        let range = unsafe first..<min(first + size, rows.count)
        unsafe session.withPlacedKeys(rows, layer: layer, head: head, range: range, keys) { run in
          unsafe Kernels.logits(
            queries: query, group: group, rows: run, range: 0..<range.count, scale: scale,
            into: logits + first, stride: stride)
        }
      }
    }
  }

  /// Sets the logits of rows that come after the query to −∞.
  @unsafe private func hideLater(
    than position: Int, _ head: Int, in logits: UnsafeMutablePointer<Float>
  ) {
    unsafe session.sequence.withPositions(layer: layer, head: head) { places in
      for row in places.indices where unsafe Int(places[row]) > position {
        for head in 0..<group { unsafe logits[head * stride + row] = -.infinity }
      }
    }
  }
}
