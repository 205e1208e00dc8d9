import KVPolicyKit
import ReferenceModel

/// The least bytes and operations of a piece of work.
///
/// The cost counts each weight matrix once, the rows of the embedding, the rows of the cache, and
/// two operations for each element of a product. It leaves out norms, biases, rotations, softmax
/// and the policy's own work.
struct TokenCost {
  /// Bytes to be moved between memory and the processor.
  let bytes: Double
  /// Multiplications and additions of floats.
  let operations: Double

  /// A decode step whose queries read `rowsRead` rows over all lanes. The key and value of a row
  /// are moved once for all query heads of the lane. If several sequences decode together, each
  /// adds its rows, a row of the embedding and its products, but the matrices are still moved once.
  static func step(sequences: Int = 1, rowsRead: Double, session: LlamaSession) -> TokenCost {
    let model = session.model
    return TokenCost(
      bytes: Double(model.matrixBytes + sequences * model.embeddingRowBytes)
        + rowsRead * session.bytesPerRow,
      operations: Double(sequences * 2 * (model.layerElements + model.headElements))
        + rowsRead * session.operationsPerRow)
  }

  /// A prompt whose queries read `rowsRead` rows, over all lanes and tokens. Its rows are moved
  /// once, and only its last token has vocabulary logits.
  static func prompt(_ length: Int, rowsRead: Double, session: LlamaSession) -> TokenCost {
    let model = session.model
    return TokenCost(
      bytes: Double(model.matrixBytes + length * model.embeddingRowBytes)
        + Double(length * session.sequence.store.bytesPerToken),
      operations: 2 * Double(length) * Double(model.layerElements)
        + Double(2 * model.headElements) + rowsRead * session.operationsPerRow)
  }
}

extension LlamaSession {
  /// Bytes of one row of one lane: a key and a value, in the mean of the rows that are held.
  fileprivate var bytesPerRow: Double { sequence.meanRowBytes }

  /// Operations of one query token on one row of one lane: products of the queries with the key,
  /// and of the probabilities with the value, for every query head of the lane.
  fileprivate var operationsPerRow: Double {
    Double(4 * model.shape.group * model.shape.headDimension)
  }
}
