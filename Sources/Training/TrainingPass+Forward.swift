internal import ReferenceModel

extension TrainingPass {
  /// Runs all layers and fills the trainer's activations for the backward pass.
  func forward(inputs: [Float]?) {
    embed(inputs)
    for (index, tensors) in trainer.layout.layers.enumerated() {
      let layer = trainer.layers[index]
      attend(index, layer, tensors)
      feedForward(layer, tensors, into: stream(index + 1))
    }
  }

  private func embed(_ inputs: [Float]?) {
    let stream = stream(0)
    if let inputs {
      for (index, value) in inputs.enumerated() { unsafe stream.base[index] = value }
      return
    }
    let embedding = unsafe weight(trainer.layout.embedding)
    forEachToken { token in
      unsafe (stream.base + token * hidden).update(
        from: embedding + batch.tokens[token] * hidden, count: hidden)
    }
  }

  private func attend(
    _ index: Int, _ layer: LayerActivations, _ tensors: ParameterLayout.Layer
  ) {
    normAll(layer.stream, tensors.attentionNorm)
    project(scratch.normed, tensors.query, into: layer.queries)
    project(scratch.normed, tensors.key, into: layer.keys)
    project(scratch.normed, tensors.value, into: layer.values)
    rotateAll(trainer.rotary, queries: layer.queries, keys: layer.keys)
    for (number, mask) in masks.enumerated() {
      unsafe trainer.attention.attend(
        rows(layer), texts: texts, mask: mask, into: layer.outputs[number].base,
        sums: layer.sums[number].base)
    }
    if masks.count > 1 { mix(index, layer) }
    copy(layer.stream, to: layer.middle, width: hidden)
    project(attended(layer), tensors.output, into: layer.middle, adding: true)
  }

  private func feedForward(
    _ layer: LayerActivations, _ tensors: ParameterLayout.Layer, into next: FloatBuffer
  ) {
    normAll(layer.middle, tensors.feedForwardNorm)
    project(scratch.normed, tensors.gate, into: layer.gate)
    project(scratch.normed, tensors.up, into: layer.up)
    activate(layer, into: scratch.wide[0])
    copy(layer.middle, to: next, width: hidden)
    project(scratch.wide[0], tensors.down, into: next, adding: true)
  }

  /// `silu(gate) · up`
  func activate(_ layer: LayerActivations, into target: FloatBuffer) {
    let width = model.intermediate
    forEachToken { token in
      let start = token * width
      unsafe Kernels.swiGLU(
        gate: layer.gate.base + start, up: layer.up.base + start, count: width,
        into: target.base + start)
    }
  }

  /// `z · causal + (1 − z) · streaming` for each head.
  private func mix(_ index: Int, _ layer: LayerActivations) {
    let (heads, depth) = (model.queryHeads, model.headDimension)
    forEachToken { token in
      for head in 0..<heads {
        let z = scalars[index * heads + head]
        let start = (token * heads + head) * depth
        let target = unsafe layer.mixed.base + start
        unsafe Kernels.scale(layer.outputs[0].base + start, by: z, into: target, count: depth)
        unsafe Kernels.add(
          layer.outputs[1].base + start, times: 1 - z, to: target, count: depth)
      }
    }
  }

  /// Rotates queries and keys, or their gradients, by the angles of their positions.
  func rotateAll(_ table: RotaryTable, queries: FloatBuffer, keys: FloatBuffer) {
    let (queryHeads, keyHeads, depth) = (
      model.queryHeads, model.keyHeads, model.headDimension
    )
    forEachToken { token in
      unsafe table.rotate(
        queries.base + token * queryHeads * depth, heads: queryHeads, position: positions[token],
        pairing: .halves)
      unsafe table.rotate(
        keys.base + token * keyHeads * depth, heads: keyHeads, position: positions[token],
        pairing: .halves)
    }
  }

  /// The queries, keys and values of a layer.
  func rows(_ layer: LayerActivations) -> AttentionRows {
    unsafe AttentionRows(
      queries: layer.queries.base, keys: layer.keys.base, values: layer.values.base)
  }

  private func copy(_ source: FloatBuffer, to target: FloatBuffer, width: Int) {
    forEachToken { token in
      unsafe (target.base + token * width).update(from: source.base + token * width, count: width)
    }
  }
}
