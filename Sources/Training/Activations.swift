internal import ReferenceModel

/// What a forward pass keeps of one layer for the way back. Everything else is computed again.
struct LayerActivations {
  /// `tokens × hidden`: what goes into the layer.
  let stream = FloatBuffer()
  /// `tokens × queryHeads·headDimension`, rotated.
  let queries = FloatBuffer()
  /// `tokens × keyHeads·headDimension`, rotated.
  let keys = FloatBuffer()
  /// `tokens × keyHeads·headDimension`
  let values = FloatBuffer()
  /// What attention gives under each of its masks, one or two: like `queries`.
  let outputs = [FloatBuffer(), FloatBuffer()]
  /// `tokens × queryHeads`, for each mask: logarithms of the softmax's sums.
  let sums = [FloatBuffer(), FloatBuffer()]
  /// The two outputs mixed, where there are two.
  let mixed = FloatBuffer()
  /// `tokens × hidden`: the stream between attention and the feed-forward block.
  let middle = FloatBuffer()
  /// `tokens × intermediate`
  let gate = FloatBuffer()
  /// `tokens × intermediate`
  let up = FloatBuffer()

  /// Room for a batch.
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

/// Memory that a pass works in, used again by the next.
struct TrainingScratch {
  /// `tokens × hidden`: the stream after the last layer.
  let last = FloatBuffer()
  /// `tokens × hidden`
  let normed = FloatBuffer()
  /// `tokens × hidden`: the gradient of `normed`.
  let normedGradient = FloatBuffer()
  /// `tokens × hidden`: the gradient of the stream.
  let streamGradient = FloatBuffer()
  /// `tokens × intermediate`, two of them.
  let wide = [FloatBuffer(), FloatBuffer()]
  /// `tokens × queryHeads·headDimension`: the gradient of what attention gives, all of it and under a mask.
  let attentionGradients = [FloatBuffer(), FloatBuffer()]
  /// Gradients of queries, keys and values.
  let queryGradient = FloatBuffer()
  let keyGradient = FloatBuffer()
  let valueGradient = FloatBuffer()
  /// `TrainingPass.headTokens × vocabulary`, rows in whole tiles.
  let logits = FloatBuffer()
  /// Sums over runs of tokens, before they are added in order.
  let partial = FloatBuffer()

  /// Room for a batch.
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
