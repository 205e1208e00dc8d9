internal import ReferenceModel

extension TrainingPass {
  /// The largest number of tokens whose vocabulary logits are in memory together.
  private static let headTokens = 1024

  /// The loss, from the residual stream after the last layer.
  ///
  /// With `back`, `scratch.streamGradient` receives the gradient of this stream times `factor`, and
  /// `gradients`, if not nil, receives the gradients of the output head and the last norm.
  func loss(_ gradients: UnsafeMutablePointer<Float>?, factor: Float, back: Bool = false) -> Double
  {
    normAll(scratch.last, trainer.layout.outputNorm)
    let share = factor / Float(batch.totalWeight)
    var losses = [Double](repeating: 0, count: count)
    for first in stride(from: 0, to: count, by: Self.headTokens) {
      let tokens = first..<min(first + Self.headTokens, count)
      computeLogits(tokens)
      computeLosses(tokens, share: share, into: &losses)
      if back { unsafe headBackward(tokens, gradients) }
    }
    if back {
      clear(scratch.streamGradient, width: hidden)
      unsafe normBackward(scratch.last, trainer.layout.outputNorm, gradients)
    }
    // In the order of tokens, so the sum does not depend on the threads.
    let sum = zip(losses, batch.weights).reduce(0) { $0 + $1.0 * Double($1.1) }
    return sum / batch.totalWeight
  }

  /// The token with the greatest vocabulary logit at every index, from the residual stream after
  /// the last layer.
  func answers() -> [Int] {
    normAll(scratch.last, trainer.layout.outputNorm)
    var answers = [Int](repeating: 0, count: count)
    for first in stride(from: 0, to: count, by: Self.headTokens) {
      let tokens = first..<min(first + Self.headTokens, count)
      computeLogits(tokens)
      for token in tokens {
        let row = unsafe Span(
          _unsafeStart: UnsafePointer(
            scratch.logits.base + (token - first) * logitStride), count: model.vocabulary)
        answers[token] = Sampler.largest(row)
      }
    }
    return answers
  }

  /// Floats of a matrix row of vocabulary logits, padded to whole tiles.
  private var logitStride: Int { ProductTile.wholeColumns(model.vocabulary) }

  private func computeLogits(_ tokens: Range<Int>) {
    let embedding = trainer.layout.embedding
    let logits = unsafe scratch.logits.room(min(Self.headTokens, count) * logitStride)
    unsafe trainer.product.multiply(
      ProductShape(rows: tokens.count, columns: embedding.rows, depth: hidden),
      Operand(scratch.normed.base + tokens.lowerBound * hidden, stride: hidden),
      Operand(weight(embedding), stride: hidden, transposed: true),
      into: Target(logits, stride: logitStride))
  }

  private func computeLosses(_ tokens: Range<Int>, share: Float, into losses: inout [Double]) {
    unsafe losses.withUnsafeMutableBufferPointer { losses in
      let losses = unsafe losses
      trainer.team.share(tokens.count, grain: Self.grain) { _, rows in
        for row in rows {
          let token = tokens.lowerBound + row
          unsafe losses[token] = unsafe Kernels.crossEntropy(
            scratch.logits.base + row * logitStride, count: model.vocabulary,
            target: batch.targets[token], factor: share * batch.weights[token])
        }
      }
    }
  }

  /// From the gradients of the vocabulary logits to those of the normed stream and of the output
  /// head.
  private func headBackward(_ tokens: Range<Int>, _ gradients: UnsafeMutablePointer<Float>?) {
    let embedding = trainer.layout.embedding
    let start = tokens.lowerBound * hidden
    unsafe trainer.product.multiply(
      ProductShape(rows: tokens.count, columns: hidden, depth: embedding.rows),
      Operand(scratch.logits.base, stride: logitStride),
      Operand(weight(embedding), stride: hidden),
      into: Target(scratch.normedGradient.base + start, stride: hidden))
    guard let gradients = unsafe gradients else { return }
    unsafe trainer.product.multiply(
      ProductShape(rows: embedding.rows, columns: hidden, depth: tokens.count),
      Operand(scratch.logits.base, stride: logitStride, transposed: true),
      Operand(scratch.normed.base + start, stride: hidden),
      into: Target(gradients + embedding.offset, stride: hidden, adding: true))
  }

  /// Zeros for all tokens.
  func clear(_ buffer: FloatBuffer, width: Int) {
    forEachToken { token in
      unsafe (buffer.base + token * width).update(repeating: 0, count: width)
    }
  }
}
