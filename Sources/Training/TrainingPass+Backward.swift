internal import ReferenceModel

extension TrainingPass {
  /// The loss, and the gradients in `request`. `forward` must have run.
  func backward(
    _ sums: inout Gradients, _ request: GradientRequest, factor: Float, fromEmbedding: Bool
  ) -> Double {
    unsafe sums.weights.withUnsafeMutableBufferPointer { buffer in
      let gradients = request.contains(.weights) ? buffer.baseAddress : nil
      let loss = unsafe loss(gradients, factor: factor, back: !request.isEmpty)
      guard !request.isEmpty else { return loss }
      for (index, tensors) in trainer.layout.layers.enumerated().reversed() {
        let layer = trainer.layers[index]
        unsafe feedForwardBackward(layer, tensors, gradients)
        projectBack(
          scratch.streamGradient, tensors.output, into: scratch.attentionGradients[0])
        unsafe addGradient(scratch.streamGradient, attended(layer), tensors.output, to: gradients)
        if request.contains(.headScalars) {
          addScalars(index, layer, to: &sums.headScalars)
          // A pass that asks for scalars only needs nothing below those of the first layer.
          if index == 0, request == .headScalars { break }
        }
        unsafe attentionBackward(index, layer, tensors, gradients)
      }
      if let gradients = unsafe gradients, fromEmbedding { unsafe addEmbedding(to: gradients) }
      if request.contains(.inputs) {
        let stream = unsafe UnsafeBufferPointer(
          start: scratch.streamGradient.base, count: count * hidden)
        sums.inputs = unsafe Array(stream)
      }
      return loss
    }
  }

  private func feedForwardBackward(
    _ layer: LayerActivations, _ tensors: ParameterLayout.Layer,
    _ gradients: UnsafeMutablePointer<Float>?
  ) {
    let (first, second) = (scratch.wide[0], scratch.wide[1])
    if unsafe gradients != nil {
      activate(layer, into: first)
      unsafe addGradient(scratch.streamGradient, first, tensors.down, to: gradients)
    }
    projectBack(scratch.streamGradient, tensors.down, into: second)
    let width = model.intermediate
    forEachToken { token in
      let start = token * width
      unsafe Kernels.swiGLUBackward(
        gate: layer.gate.base + start, up: layer.up.base + start, dy: second.base + start,
        count: width, dGate: first.base + start, dUp: second.base + start)
    }
    if unsafe gradients != nil {
      normAll(layer.middle, tensors.feedForwardNorm)
      unsafe addGradient(first, scratch.normed, tensors.gate, to: gradients)
      unsafe addGradient(second, scratch.normed, tensors.up, to: gradients)
    }
    projectBack(first, tensors.gate, into: scratch.normedGradient)
    projectBack(second, tensors.up, into: scratch.normedGradient, adding: true)
    unsafe normBackward(layer.middle, tensors.feedForwardNorm, gradients)
  }

  /// The backward pass of attention, from `scratch.attentionGradients[0]` to the residual stream.
  private func attentionBackward(
    _ index: Int, _ layer: LayerActivations, _ tensors: ParameterLayout.Layer,
    _ gradients: UnsafeMutablePointer<Float>?
  ) {
    let (dq, dk, dv) = (
      scratch.queryGradient, scratch.keyGradient, scratch.valueGradient
    )
    clear(dq, width: trainer.attention.queryWidth)
    clear(dk, width: trainer.attention.keyWidth)
    clear(dv, width: trainer.attention.keyWidth)
    for (number, mask) in masks.enumerated() {
      unsafe trainer.attention.attendBackward(
        rows(layer), texts: texts, mask: mask, out: layer.outputs[number].base,
        sums: layer.sums[number].base, dOut: maskGradient(index, number).base,
        into: AttentionGradients(queries: dq.base, keys: dk.base, values: dv.base))
    }
    rotateAll(trainer.rotaryBack, queries: dq, keys: dk)
    if unsafe gradients != nil {
      normAll(layer.stream, tensors.attentionNorm)
      unsafe addGradient(dq, scratch.normed, tensors.query, to: gradients)
      unsafe addGradient(dk, scratch.normed, tensors.key, to: gradients)
      unsafe addGradient(dv, scratch.normed, tensors.value, to: gradients)
    }
    projectBack(dq, tensors.query, into: scratch.normedGradient)
    projectBack(dk, tensors.key, into: scratch.normedGradient, adding: true)
    projectBack(dv, tensors.value, into: scratch.normedGradient, adding: true)
    unsafe normBackward(layer.stream, tensors.attentionNorm, gradients)
  }

  /// The gradient of the attention output under mask `number`: its share of the whole gradient.
  private func maskGradient(_ index: Int, _ number: Int) -> FloatBuffer {
    let (all, part) = (scratch.attentionGradients[0], scratch.attentionGradients[1])
    guard masks.count > 1 else { return all }
    let (heads, depth) = (model.queryHeads, model.headDimension)
    forEachToken { token in
      for head in 0..<heads {
        let z = scalars[index * heads + head]
        let start = (token * heads + head) * depth
        unsafe Kernels.scale(
          all.base + start, by: number == 0 ? z : 1 - z, into: part.base + start, count: depth)
      }
    }
    return part
  }
}
