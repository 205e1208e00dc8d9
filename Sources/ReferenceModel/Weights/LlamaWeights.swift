/// All weights of a model: matrices in the mapped files, or in panels after `inPanels`.
package struct LlamaWeights: Sendable {
  /// One transformer layer. Matrices are `outputs × inputs`.
  package struct Layer: Sendable {
    /// `hidden` gains of the norm before attention.
    package let attentionNorm: [Float]
    /// `queryHeads·headDimension × hidden`
    package fileprivate(set) var query: WeightMatrix
    /// `keyHeads·headDimension × hidden`
    package fileprivate(set) var key: WeightMatrix
    /// `keyHeads·headDimension × hidden`
    package fileprivate(set) var value: WeightMatrix
    /// The biases of the three projections above; nil in most architectures.
    package let biases: Biases?
    /// The gains of the norms of every query and key; nil in most architectures.
    package let headNorms: HeadNorms?
    /// `hidden × queryHeads·headDimension`
    package fileprivate(set) var output: WeightMatrix
    /// `hidden` gains of the norm before the feed-forward block.
    package let feedForwardNorm: [Float]
    /// `intermediate × hidden`
    package fileprivate(set) var gate: WeightMatrix
    /// `intermediate × hidden`
    package fileprivate(set) var up: WeightMatrix
    /// `hidden × intermediate`
    package fileprivate(set) var down: WeightMatrix
  }

  /// The vectors that a layer adds to its projections.
  package struct Biases: Sendable {
    /// `queryHeads·headDimension`
    package let query: [Float]
    /// `keyHeads·headDimension` each.
    package let key, value: [Float]
  }

  /// The gains of a layer's norms of queries and keys, `headDimension` each. All heads share them.
  package struct HeadNorms: Sendable {
    /// The gains for queries and for keys.
    package let query, key: [Float]
  }

  /// `vocabulary × hidden`
  package let embedding: WeightMatrix
  /// The layers, from input to output.
  package private(set) var layers: [Layer]
  /// `hidden` gains of the last norm.
  package let outputNorm: [Float]
  /// `vocabulary × hidden`; the embedding's matrix when the head is tied.
  package private(set) var head: WeightMatrix
}

extension LlamaWeights {
  /// Takes every tensor the model needs out of `table`; throws at the first tensor that is missing
  /// or has a wrong shape.
  init(
    _ model: LlamaConfiguration, from table: inout TensorTable, names: TensorNames
  ) throws(ModelError) {
    embedding = try table.matrix(names.embedding, rows: model.vocabulary, columns: model.hidden)
    // No capacity is reserved: a false number of layers must fail at the first missing tensor,
    // before it allocates.
    var layers: [Layer] = []
    for index in 0..<model.layers {
      layers.append(try Layer(model, from: &table, names: names.layer(index)))
    }
    self.layers = layers
    outputNorm = try table.vector(names.outputNorm, count: model.hidden)
    head =
      model.tiedEmbedding
      ? embedding
      : try table.matrix(names.head, rows: model.vocabulary, columns: model.hidden)
  }
}

extension LlamaWeights {
  /// The weights with the quantised matrices of the products rearranged into panels. The embedding
  /// stays in the file, because its matrix rows are looked up.
  func inPanels(team: ThreadTeam) -> LlamaWeights {
    var copy = self
    copy.layers = layers.map { $0.inPanels(team: team) }
    copy.head = head.inPanels(team: team)
    return copy
  }
}

extension LlamaWeights.Layer {
  fileprivate func inPanels(team: ThreadTeam) -> LlamaWeights.Layer {
    var copy = self
    copy.query = query.inPanels(team: team)
    copy.key = key.inPanels(team: team)
    copy.value = value.inPanels(team: team)
    copy.output = output.inPanels(team: team)
    copy.gate = gate.inPanels(team: team)
    copy.up = up.inPanels(team: team)
    copy.down = down.inPanels(team: team)
    return copy
  }

  fileprivate init(
    _ model: LlamaConfiguration, from table: inout TensorTable, names: TensorNames.Layer
  ) throws(ModelError) {
    let hidden = model.hidden
    // Both factors are at most 2^24 (`ModelSettings.sizeLimit`), so the products fit.
    let queries = model.queryHeads * model.headDimension
    let keys = model.keyHeads * model.headDimension
    attentionNorm = try table.vector(names.attentionNorm, count: hidden)
    query = try table.matrix(names.query, rows: queries, columns: hidden)
    key = try table.matrix(names.key, rows: keys, columns: hidden)
    value = try table.matrix(names.value, rows: keys, columns: hidden)
    biases =
      model.hasProjectionBias
      ? LlamaWeights.Biases(
        query: try table.vector(names.queryBias, count: queries),
        key: try table.vector(names.keyBias, count: keys),
        value: try table.vector(names.valueBias, count: keys)) : nil
    headNorms =
      model.hasHeadNorm
      ? LlamaWeights.HeadNorms(
        query: try table.vector(names.queryNorm, count: model.headDimension),
        key: try table.vector(names.keyNorm, count: model.headDimension)) : nil
    output = try table.matrix(names.output, rows: hidden, columns: queries)
    feedForwardNorm = try table.vector(names.feedForwardNorm, count: hidden)
    gate = try table.matrix(names.gate, rows: model.intermediate, columns: hidden)
    up = try table.matrix(names.up, rows: model.intermediate, columns: hidden)
    down = try table.matrix(names.down, rows: hidden, columns: model.intermediate)
  }
}
