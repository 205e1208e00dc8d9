public import ReferenceModel

/// Computes losses and their gradients: the forward pass of the transformer that `ReferenceModel`
/// runs, and its backward pass.
///
/// Everything is single precision. Sums have a fixed order, so results are the same to the last bit
/// for any number of threads. A pass takes about `layers · 2 · (hidden + queries + keys +
/// intermediate)` floats a token, and the next pass reuses this memory. A trainer runs one pass at
/// a time.
public final class Trainer {
  /// The sizes of the model.
  public let configuration: LlamaConfiguration
  /// Where the model's tensors lie.
  public let layout: ParameterLayout

  /// The operations of all matrix products on all threads so far, and the seconds they took.
  public var productWork: (operations: Double, seconds: Double) {
    (product.operations, product.seconds)
  }

  let team: ThreadTeam
  let product: MatrixProduct
  let attention: BlockAttention
  let layers: [LayerActivations]
  let scratch = TrainingScratch()
  var rotary: RotaryTable
  var rotaryBack: RotaryTable

  /// A trainer for models of these sizes.
  /// - Throws: `TrainingError.unsupported` for an untied output head, interleaved rotation, biases,
  ///   or norms of queries and keys.
  public init(_ configuration: LlamaConfiguration, threads: Int) throws(TrainingError) {
    guard configuration.tiedEmbedding else {
      throw .unsupported(what: "an output head of its own", supported: "a tied embedding")
    }
    guard configuration.rope.pairing == .halves else {
      throw .unsupported(
        what: "rotation of neighbouring elements", supported: "Hugging Face's order, in halves")
    }
    guard !configuration.hasProjectionBias, !configuration.hasHeadNorm else {
      throw .unsupported(
        what: "a model with biases or with norms of queries and keys",
        supported: "projections without a bias, rotated without a norm")
    }
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    team = ThreadTeam(threads: max(1, threads))
    product = MatrixProduct(team: team)
    attention = BlockAttention(configuration, product: product)
    layers = (0..<configuration.layers).map { _ in LayerActivations() }
    rotary = RotaryTable(configuration)
    rotaryBack = RotaryTable(configuration, turnsBack: true)
  }

  /// The weighted mean of the cross-entropies of a batch, in nats.
  ///
  /// - Parameters:
  ///   - parameters: the weights.
  ///   - batch: the texts.
  ///   - rule: which keys the queries attend to.
  ///   - inputs: `tokens × hidden` floats that enter the first layer instead of the tokens'
  ///     embeddings.
  /// - Throws: `TrainingError.request` when something does not fit the model.
  public func loss(
    of parameters: ModelParameters, on batch: TrainingBatch, rule: AttentionRule = .causal,
    inputs: [Float]? = nil
  ) throws(TrainingError) -> Double {
    try check(parameters.layout, batch, rule, inputs)
    return unsafe parameters.values.withUnsafeBufferPointer { weights in
      guard let weights = weights.baseAddress else { return 0 }
      let pass = unsafe TrainingPass(self, batch, rule, weights: weights)
      pass.forward(inputs: inputs)
      return unsafe pass.loss(nil, factor: 0)
    }
  }

  /// Adds the gradients of `factor ·` loss to `gradients`, and returns the loss.
  ///
  /// - Parameters:
  ///   - gradients: the sums to add to; `inputs` is replaced.
  ///   - request: which gradients to compute; all others stay unchanged.
  ///   - parameters: the weights.
  ///   - batch: the texts.
  ///   - rule: which keys the queries attend to.
  ///   - inputs: as in `loss`; the embedding's gradient then comes from its use as output head
  ///     only.
  ///   - factor: the share of this pass in a step of several passes.
  /// - Throws: `TrainingError.request` when something does not fit the model.
  public func accumulate(
    _ gradients: inout Gradients, _ request: GradientRequest = .weights,
    of parameters: ModelParameters, on batch: TrainingBatch, rule: AttentionRule = .causal,
    inputs: [Float]? = nil, factor: Float = 1
  ) throws(TrainingError) -> Double {
    try check(parameters.layout, batch, rule, inputs)
    try check(gradients, request, rule)
    return unsafe parameters.values.withUnsafeBufferPointer { weights in
      guard let weights = weights.baseAddress else { return 0 }
      let pass = unsafe TrainingPass(self, batch, rule, weights: weights)
      pass.forward(inputs: inputs)
      return pass.backward(
        &gradients, request, factor: factor, fromEmbedding: inputs == nil)
    }
  }

  /// The most likely next token at every token of a batch; of equally likely tokens, the lowest.
  /// - Throws: `TrainingError.request` when something does not fit the model.
  public func answers(
    of parameters: ModelParameters, on batch: TrainingBatch
  ) throws(TrainingError) -> [Int] {
    try check(parameters.layout, batch, .causal, nil)
    return unsafe parameters.values.withUnsafeBufferPointer { weights in
      guard let weights = weights.baseAddress else { return [] }
      let pass = unsafe TrainingPass(self, batch, .causal, weights: weights)
      pass.forward(inputs: nil)
      return pass.answers()
    }
  }

  private func check(
    _ layout: ParameterLayout, _ batch: TrainingBatch, _ rule: AttentionRule, _ inputs: [Float]?
  ) throws(TrainingError) {
    guard layout == self.layout else {
      throw .request("the weights are those of a model of other sizes")
    }
    for token in batch.tokens + batch.targets {
      guard (0..<configuration.vocabulary).contains(token) else {
        throw .request(
          "token \(token) is not in the vocabulary; use 0 to \(configuration.vocabulary - 1)")
      }
    }
    if let inputs, inputs.count != batch.tokens.count * configuration.hidden {
      throw .request(
        "\(batch.tokens.count) tokens take \(batch.tokens.count * configuration.hidden) floats, "
          + "not \(inputs.count)")
    }
    switch rule {
    case .causal: break
    case .streaming(let sinks, let window): try check(sinks: sinks, window: window)
    case .mixed(let scalars, let sinks, let window):
      try check(sinks: sinks, window: window)
      let count = configuration.layers * configuration.queryHeads
      guard scalars.count == count else {
        throw .request("the model's heads take \(count) scalars, not \(scalars.count)")
      }
    }
  }

  private func check(sinks: Int, window: Int) throws(TrainingError) {
    guard sinks >= 0, window >= 1 else {
      throw .request("\(sinks) sinks, a window of \(window): use 0 or more and 1 or more")
    }
  }

  private func check(
    _ gradients: Gradients, _ request: GradientRequest, _ rule: AttentionRule
  ) throws(TrainingError) {
    guard gradients.layout == layout else {
      throw .request("the gradients are those of a model of other sizes")
    }
    guard request.contains(.headScalars) else { return }
    guard case .mixed(let scalars, _, _) = rule else {
      throw .request("heads have scalars in a mixed attention only; use '.mixed'")
    }
    guard gradients.headScalars.count == scalars.count else {
      throw .request("the gradients have no room for \(scalars.count) scalars of heads")
    }
  }
}
