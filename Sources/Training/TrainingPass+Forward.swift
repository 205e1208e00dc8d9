internal import ReferenceModel

extension TrainingPass {
  /// Runs all layers and fills the trainer's activations for the backward pass.
  func forward(inputs: [Float]?) {
    unsafe embed(inputs)
    for (index, tensors) in unsafe trainer.layout.layers.enumerated() {
      let layer = unsafe trainer.layers[index]
      unsafe attend(index, layer, tensors)
      unsafe feedForward(layer, tensors, into: stream(index + 1))
    }
  }

  private func embed(_ inputs: [Float]?) {
    let stream = unsafe stream(0)
    if let inputs {
      for (index, value) in inputs.enumerated() { unsafe stream.base[index] = value }
      return
    }
    let embedding = unsafe weight(trainer.layout.embedding)
    unsafe forEachToken { token in
      unsafe (stream.base + token * hidden).update(
        from: embedding + batch.tokens[token] * hidden, count: hidden)
    }
  }

  private func attend(
    _ index: Int, _ layer: LayerActivations, _ tensors: ParameterLayout.Layer
  ) {
    unsafe normAll(layer.stream, tensors.attentionNorm)
    unsafe project(scratch.normed, tensors.query, into: layer.queries)
    unsafe project(scratch.normed, tensors.key, into: layer.keys)
    unsafe project(scratch.normed, tensors.value, into: layer.values)
    unsafe rotateAll(trainer.rotary, queries: layer.queries, keys: layer.keys)
    for (number, mask) in unsafe masks.enumerated() {
      unsafe trainer.attention.attend(
        rows(layer), texts: texts, mask: mask, into: layer.outputs[number].base,
        sums: layer.sums[number].base)
    }
    if unsafe masks.count > 1 { unsafe mix(index, layer) }
    unsafe copy(layer.stream, to: layer.middle, width: hidden)
    unsafe project(attended(layer), tensors.output, into: layer.middle, adding: true)
  }

  private func feedForward(
    _ layer: LayerActivations, _ tensors: ParameterLayout.Layer, into next: FloatBuffer
  ) {
    unsafe normAll(layer.middle, tensors.feedForwardNorm)
    unsafe project(scratch.normed, tensors.gate, into: layer.gate)
    unsafe project(scratch.normed, tensors.up, into: layer.up)
    unsafe activate(layer, into: scratch.wide[0])
    unsafe copy(layer.middle, to: next, width: hidden)
    unsafe project(scratch.wide[0], tensors.down, into: next, adding: true)
  }

  /// `silu(gate) · up`
  func activate(_ layer: LayerActivations, into target: FloatBuffer) {
    let width = unsafe model.intermediate
    unsafe forEachToken { token in
      let start = token * width
      unsafe Kernels.swiGLU(
        gate: layer.gate.base + start, up: layer.up.base + start, count: width,
        into: target.base + start)
    }
  }

  /// `z · causal + (1 − z) · streaming` for each head.
  private func mix(_ index: Int, _ layer: LayerActivations) {
    let (heads, depth) = unsafe (model.queryHeads, model.headDimension)
    unsafe forEachToken { token in
      for head in 0..<heads {
        let z = unsafe scalars[index * heads + head]
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
    let (queryHeads, keyHeads, depth) = unsafe (
      model.queryHeads, model.keyHeads, model.headDimension
    )
    unsafe forEachToken { token in
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
    unsafe forEachToken { token in
      unsafe (target.base + token * width).update(from: source.base + token * width, count: width)
    }
  }
}
