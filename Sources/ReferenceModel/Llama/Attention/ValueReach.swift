import KVPolicyKit

/// The signal `valueReach` of one layer: values times the output projection, head by head.
///
/// The projection's columns of a query head are unpacked as floats, one row of `width` elements for
/// each element of the residual stream; they are then multiplied with the values as queries with
/// keys.
final class ValueReach: ValueReachSource {
  // Why no access is out of bounds: `columns` holds `hidden × width` floats, a block of products
  // `hidden × 128`, and a block has at most 128 values.

  private unowned let session: LlamaSession
  private let layer: Int
  /// Whether all threads may take part: a step that asks may share its parallel region with other
  /// work.
  private let isShared: Bool

  init(_ session: LlamaSession, layer: Int, isShared: Bool) {
    self.session = session
    self.layer = layer
    self.isShared = isShared
  }

  func reach(of values: [Float], in lane: LaneID, by norm: ReachNorm) -> [[Float]] {
    let (group, team) = (session.sequence.store.shape.group, session.model.team)
    let size = StepAttention.runRows
    let count = values.count / session.model.configuration.headDimension
    let blocks = (count + size - 1) / size
    return (0..<group).map { head in
      let columns = outputColumns(ofQueryHead: lane.head * group + head)
      var reach = [Float](repeating: 0, count: count)
      unsafe values.withUnsafeBufferPointer { values in
        unsafe reach.withUnsafeMutableBufferPointer { reach in
          guard let values = values.baseAddress, let reach = reach.baseAddress else { return }
          let compute = { (block: Int) in
            let range = block * size..<min((block + 1) * size, count)
            unsafe self.reach(of: values, range, columns, by: norm, into: reach)
          }
          guard isShared else { return (0..<blocks).forEach(compute) }
          team.share(blocks, grain: 1) { _, range in range.forEach(compute) }
        }
      }
      return reach
    }
  }

  /// The output projection's columns of a query head: `hidden × width`.
  private func outputColumns(ofQueryHead head: Int) -> FloatBuffer {
    let (matrix, width) = (
      session.model.weights.layers[layer].output, session.model.configuration.headDimension
    )
    let (row, columns) = (FloatBuffer(matrix.columns), FloatBuffer(matrix.rows * width))
    for element in 0..<matrix.rows {
      unsafe dequantise(row: element, of: matrix, into: row.base)
      unsafe (columns.base + element * width).update(from: row.base + head * width, count: width)
    }
    return columns
  }

  /// The norms of what up to 128 values add to the residual stream.
  @unsafe private func reach(
    of values: UnsafePointer<Float>, _ range: Range<Int>, _ columns: FloatBuffer,
    by norm: ReachNorm, into reach: UnsafeMutablePointer<Float>
  ) {
    let configuration = session.model.configuration
    let (hidden, width, size) = (
      configuration.hidden, configuration.headDimension, StepAttention.runRows
    )
    let products = FloatBuffer(hidden * size)
    let first = unsafe UnsafeMutableRawPointer(mutating: values + range.lowerBound * width)
    let slots = (0..<Int32(range.count)).map { $0 }
    unsafe slots.withUnsafeBufferPointer { slots in
      guard let slots = slots.baseAddress else { return }
      unsafe withUnsafePointer(to: Optional(first)) { page in
        // The values look like the keys of a lane with a single page.
        let rows = unsafe LaneRows(
          count: range.count, slots: slots, pages: page, pageRows: size, headDimension: width,
          format: .f32, rowBytes: 4 * width, isDense: true)
        unsafe Kernels.logits(
          queries: columns.base, group: hidden, rows: rows, range: 0..<range.count, scale: 1,
          into: products.base, stride: size)
      }
    }
    for element in 0..<hidden {
      for value in 0..<range.count {
        let moved = unsafe products.base[element * size + value]
        unsafe reach[range.lowerBound + value] += norm == .sum ? moved.magnitude : moved * moved
      }
    }
    guard norm == .euclidean else { return }
    for value in range { unsafe reach[value] = unsafe reach[value].squareRoot() }
  }
}
