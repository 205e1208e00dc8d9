internal import ReferenceModel

/// The activations of one layer that the backward pass reads. It recomputes everything else.
struct LayerActivations {
  /// `tokens × hidden`: the input of the layer.
  let stream = FloatBuffer()
  /// `tokens × queryHeads·headDimension`, rotated.
  let queries = FloatBuffer()
  /// `tokens × keyHeads·headDimension`, rotated.
  let keys = FloatBuffer()
  /// `tokens × keyHeads·headDimension`
  let values = FloatBuffer()
  /// The attention output under each mask (one or two), shaped like `queries`.
  let outputs = [FloatBuffer(), FloatBuffer()]
  /// `tokens × queryHeads` for each mask: the log-sum-exp of the attention logits.
  let sums = [FloatBuffer(), FloatBuffer()]
  /// The mixture of the two attention outputs, where there are two masks.
  let mixed = FloatBuffer()
  /// `tokens × hidden`: the residual stream between attention and the feed-forward block.
  let middle = FloatBuffer()
  /// `tokens × intermediate`
  let gate = FloatBuffer()
  /// `tokens × intermediate`
  let up = FloatBuffer()

  /// Allocates the buffers for a batch of `count` tokens.
  func makeRoom(_ count: Int, _ model: LlamaConfiguration, masks: Int) {
    let queryWidth = model.queryHeads * model.headDimension
    let keyWidth = model.keyHeads * model.headDimension
    for (buffer, width) in [
      (stream, model.hidden), (queries, queryWidth), (keys, keyWidth), (values, keyWidth),
      (middle, model.hidden), (gate, model.intermediate), (up, model.intermediate),
    ] { _ = unsafe buffer.room(count * width) }
    for index in 0..<masks {
      _ = unsafe outputs[index].room(count * queryWidth)
      _ = unsafe sums[index].room(count * model.queryHeads)
    }
    if masks > 1 { _ = unsafe mixed.room(count * queryWidth) }
  }
}

/// Buffers that every pass reuses.
struct TrainingScratch {
  /// `tokens × hidden`: the residual stream after the last layer.
  let last = FloatBuffer()
  /// `tokens × hidden`
  let normed = FloatBuffer()
  /// `tokens × hidden`: the gradient of `normed`.
  let normedGradient = FloatBuffer()
  /// `tokens × hidden`: the gradient of the residual stream.
  let streamGradient = FloatBuffer()
  /// Two buffers of `tokens × intermediate`.
  let wide = [FloatBuffer(), FloatBuffer()]
  /// `tokens × queryHeads·headDimension`: the gradient of the mixed attention output, then its
  /// share under one mask.
  let attentionGradients = [FloatBuffer(), FloatBuffer()]
  /// The gradients of queries, keys and values.
  let queryGradient = FloatBuffer()
  let keyGradient = FloatBuffer()
  let valueGradient = FloatBuffer()
  /// `TrainingPass.headTokens × vocabulary` vocabulary logits; matrix rows are padded to whole
  /// tiles.
  let logits = FloatBuffer()
  /// Partial sums over blocks of tokens, before they are added in order.
  let partial = FloatBuffer()

  /// Allocates the buffers for a batch of `count` tokens.
  func makeRoom(_ count: Int, _ model: LlamaConfiguration) {
    let queryWidth = model.queryHeads * model.headDimension
    let keyWidth = model.keyHeads * model.headDimension
    for buffer in [last, normed, normedGradient, streamGradient] {
      _ = unsafe buffer.room(count * model.hidden)
    }
    for buffer in wide { _ = unsafe buffer.room(count * model.intermediate) }
    for buffer in attentionGradients + [queryGradient] {
      _ = unsafe buffer.room(count * queryWidth)
    }
    for buffer in [keyGradient, valueGradient] { _ = unsafe buffer.room(count * keyWidth) }
  }
}
