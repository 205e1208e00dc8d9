/// What reading a token takes at least, counted from the sizes of the weights. The gains of the norms, a
/// thousandth of the rest, are not counted.
extension LlamaModel {
  /// Bytes of every matrix that a decode step multiplies by: all layers' and the head's.
  package var matrixBytes: Int { (layerMatrices + [weights.head]).reduce(0) { $0 + $1.bytes } }

  /// Bytes of a token's row of the embedding.
  package var embeddingRowBytes: Int { weights.embedding.rowBytes }

  /// Elements of the matrices of all layers: a multiplication and an addition each, for every token.
  package var layerElements: Int { layerMatrices.reduce(0) { $0 + $1.rows * $1.columns } }

  /// Elements of the head: a multiplication and an addition each, for every token whose logits are wanted.
  package var headElements: Int { weights.head.rows * weights.head.columns }

  private var layerMatrices: [WeightMatrix] {
    weights.layers.flatMap {
      [$0.query, $0.key, $0.value, $0.output, $0.gate, $0.up, $0.down]
    }
  }
}

extension WeightMatrix {
  /// Bytes of all rows.
  fileprivate var bytes: Int { rows * rowBytes }
}
