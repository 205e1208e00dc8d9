internal import ReferenceModel

/// Gradients that are sums over tokens. Threads sum blocks of 256 tokens; the block sums are then
/// added in order, so the result does not depend on the threads.
extension TrainingPass {
  private static let run = 256
  private var runs: Int { (count + Self.run - 1) / Self.run }

  /// Calls `body` with each block's number and tokens, on all threads.
  private func forEachRun(_ body: (Int, Range<Int>) -> Void) {
    trainer.team.share(runs, grain: 1) { _, numbers in
      for number in numbers {
        body(number, number * Self.run..<min(number * Self.run + Self.run, count))
      }
    }
  }

  /// The backward pass of a norm: adds the gradient from `scratch.normedGradient` to the gradients
  /// of the residual stream and of the norm's gains.
  func normBackward(
    _ x: FloatBuffer, _ tensor: ParameterLayout.Tensor, _ gradients: UnsafeMutablePointer<Float>?
  ) {
    let partial = unsafe scratch.partial.room(runs * hidden)
    let wanted = unsafe gradients != nil
    unsafe partial.update(repeating: 0, count: runs * hidden)
    forEachRun { run, tokens in
      for token in tokens {
        let start = token * hidden
        unsafe Kernels.rmsNormBackward(
          x.base + start, weight: weight(tensor), dy: scratch.normedGradient.base + start,
          epsilon: model.normEpsilon, count: hidden, into: scratch.streamGradient.base + start,
          gain: wanted ? partial + run * hidden : nil)
      }
    }
    guard let gradients = unsafe gradients else { return }
    for run in 0..<runs {
      unsafe Kernels.add(partial + run * hidden, to: gradients + tensor.offset, count: hidden)
    }
  }

  /// The gradients of a layer's scalars: `Σ dOut · (causal − streaming)` of each head.
  func addScalars(_ index: Int, _ layer: LayerActivations, to sums: inout [Float]) {
    let (heads, depth) = (model.queryHeads, model.headDimension)
    let partial = unsafe scratch.partial.room(runs * heads)
    let dOut = scratch.attentionGradients[0]
    forEachRun { run, tokens in
      for head in 0..<heads {
        var sum: Float = 0
        for token in tokens {
          let start = (token * heads + head) * depth
          let d = unsafe dOut.base + start
          sum += unsafe Kernels.dot(d, layer.outputs[0].base + start, count: depth)
          sum -= unsafe Kernels.dot(d, layer.outputs[1].base + start, count: depth)
        }
        unsafe partial[run * heads + head] = sum
      }
    }
    for run in 0..<runs {
      for head in 0..<heads { unsafe sums[index * heads + head] += partial[run * heads + head] }
    }
  }

  /// Adds the gradient of each token's input to the token's matrix row of the embedding. Threads
  /// share the columns, so every sum is in the order of tokens.
  func addEmbedding(to gradients: UnsafeMutablePointer<Float>) {
    let target = unsafe gradients + trainer.layout.embedding.offset
    trainer.team.share(hidden, grain: 32) { _, columns in
      for (token, row) in batch.tokens.enumerated() {
        unsafe Kernels.add(
          scratch.streamGradient.base + token * hidden + columns.lowerBound,
          to: target + row * hidden + columns.lowerBound, count: columns.count)
      }
    }
  }
}
