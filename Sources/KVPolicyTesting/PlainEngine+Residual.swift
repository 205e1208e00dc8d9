import KVPolicyKit

/// Memories of forgotten rows.
extension PlainEngine {
  /// The output of one query head: what it reads of its rows and of the memory of its layer, by
  /// their shares of the exponentials.
  ///
  /// - Parameters:
  ///   - rows: the sum of the rows' values by their probabilities.
  ///   - logits: the logits of the rows.
  func recall(
    _ query: [Float], layer: Int, head: Int, beside rows: [Float], of logits: [Float]
  ) -> [Float] {
    var floats = [Float](
      repeating: 0, count: query.count + sequence.residualScratch(layer: layer))
    let part = unsafe query.withUnsafeBufferPointer { query in
      unsafe floats.withUnsafeMutableBufferPointer { floats in
        guard let query = query.baseAddress, let mixed = floats.baseAddress else {
          return ResidualPart()
        }
        // The sums come first, then the scratch memory.
        return unsafe sequence.recall(
          layer: layer, queryHead: head, query: query,
          scratch: mixed + source.shape.headDimension, into: mixed)
      }
    }
    guard part.total > 0 else { return rows }
    let top = Double(max(part.top, logits.max() ?? -.infinity))
    let own = logits.reduce(0) { $0 + exponentialOf(Double($1) - top) }
    let factor = exponentialOf(Double(part.top) - top)
    let total = own + factor * Double(part.total)
    return zip(rows, floats).map { Float((Double($0) * own + factor * Double($1)) / total) }
  }
}
