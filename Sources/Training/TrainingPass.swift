internal import ReferenceModel

/// One pass of a batch through the model, forward and backward.
@safe struct TrainingPass {
  /// Threads share elementwise work in blocks of this many tokens.
  static let grain = 16

  let trainer: Trainer
  let batch: TrainingBatch
  let texts: [Range<Int>]
  let positions: [Int]
  let masks: [AttentionMask]
  /// The z of each head, `layers × queryHeads`, where there are two masks; else empty.
  let scalars: [Float]
  @unsafe let weights: UnsafePointer<Float>
  let count: Int

  /// A pass over `batch`, which fits the trainer's model.
  init(
    _ trainer: Trainer, _ batch: TrainingBatch, _ rule: AttentionRule,
    weights: UnsafePointer<Float>
  ) {
    self.trainer = trainer
    self.batch = batch
    unsafe self.weights = unsafe weights
    count = batch.tokens.count
    texts = batch.ranges
    positions = batch.positions
    switch rule {
    case .causal: (masks, scalars) = ([.causal], [])
    case .streaming(let sinks, let window):
      unsafe (masks, scalars) = ([.streaming(sinks: sinks, window: window)], [])
    case .mixed(let scalars, let sinks, let window):
      unsafe masks = [.causal, .streaming(sinks: sinks, window: window)]
      self.scalars = scalars
    }
    let longest = batch.lengths.max() ?? 0
    trainer.rotary.prepare(0..<longest)
    trainer.rotaryBack.prepare(0..<longest)
    trainer.scratch.makeRoom(batch.tokens.count, trainer.configuration)
    for layer in trainer.layers {
      layer.makeRoom(batch.tokens.count, trainer.configuration, masks: masks.count)
    }
  }

  var model: LlamaConfiguration { trainer.configuration }
  var hidden: Int { model.hidden }
  var scratch: TrainingScratch { trainer.scratch }

  /// The weights of a tensor.
  func weight(_ tensor: ParameterLayout.Tensor) -> UnsafePointer<Float> {
    unsafe weights + tensor.offset
  }

  /// The residual stream that enters layer `index`, or that leaves the last layer.
  func stream(_ index: Int) -> FloatBuffer {
    index < model.layers ? trainer.layers[index].stream : scratch.last
  }

  /// The attention output that the output projection multiplies.
  func attended(_ layer: LayerActivations) -> FloatBuffer {
    masks.count > 1 ? layer.mixed : layer.outputs[0]
  }

  /// Calls `body` for every token, on all threads.
  func forEachToken(_ body: (Int) -> Void) {
    trainer.team.share(count, grain: Self.grain) { _, tokens in
      for token in tokens { body(token) }
    }
  }

  /// `Y = X·Wᵀ`, or `Y += X·Wᵀ`, for all tokens.
  func project(
    _ x: FloatBuffer, _ tensor: ParameterLayout.Tensor, into y: FloatBuffer, adding: Bool = false
  ) {
    unsafe trainer.product.multiply(
      ProductShape(rows: count, columns: tensor.rows, depth: tensor.columns),
      Operand(x.base, stride: tensor.columns),
      Operand(weight(tensor), stride: tensor.columns, transposed: true),
      into: Target(y.base, stride: tensor.rows, adding: adding))
  }

  /// `dX = dY·W`, or `dX += dY·W`, for all tokens.
  func projectBack(
    _ dy: FloatBuffer, _ tensor: ParameterLayout.Tensor, into dx: FloatBuffer, adding: Bool = false
  ) {
    unsafe trainer.product.multiply(
      ProductShape(rows: count, columns: tensor.columns, depth: tensor.rows),
      Operand(dy.base, stride: tensor.rows), Operand(weight(tensor), stride: tensor.columns),
      into: Target(dx.base, stride: tensor.columns, adding: adding))
  }

  /// `dW += dYᵀ·X` over all tokens; does nothing without `gradients`.
  func addGradient(
    _ dy: FloatBuffer, _ x: FloatBuffer, _ tensor: ParameterLayout.Tensor,
    to gradients: UnsafeMutablePointer<Float>?
  ) {
    guard let gradients = unsafe gradients else { return }
    unsafe trainer.product.multiply(
      ProductShape(rows: tensor.rows, columns: tensor.columns, depth: count),
      Operand(dy.base, stride: tensor.rows, transposed: true),
      Operand(x.base, stride: tensor.columns),
      into: Target(gradients + tensor.offset, stride: tensor.columns, adding: true))
  }

  /// Normalises all tokens of `x` into `scratch.normed`.
  func normAll(_ x: FloatBuffer, _ tensor: ParameterLayout.Tensor) {
    forEachToken { token in
      unsafe Kernels.rmsNorm(
        x.base + token * hidden, weight: weight(tensor), epsilon: model.normEpsilon,
        count: hidden, into: scratch.normed.base + token * hidden)
    }
  }
}
