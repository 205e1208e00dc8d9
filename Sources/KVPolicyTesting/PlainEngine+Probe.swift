import KVPolicyKit

/// Probes: rows that are scored and never stored.
extension PlainEngine {
  /// One row of a probe.
  private struct ProbeRow {
    /// The position in the text whose vectors the row has. Vectors that are not of the text, which
    /// would need a model, are those of positions that no text reaches.
    let content: Int
    /// The position at which the row is rotated.
    let place: Int
  }

  /// Shows a probe to the policies after a chunk.
  func show(_ probe: Probe, after chunk: Range<Int>, moment: Moment) throws(StoreError) {
    switch probe {
    case .promptTail(let count, let place):
      let first = max(prompt.lowerBound, prompt.upperBound - count)
      let shift = place == .afterChunk ? chunk.upperBound - first : 0
      try show(
        (first..<prompt.upperBound).map { ProbeRow(content: $0, place: $0 + shift) }, moment: moment
      )
    case .embeddings(let vectors):
      let rows = (0..<vectors.shape[0]).map { row in
        ProbeRow(content: 1 << 30 + row, place: chunk.upperBound + row)
      }
      try show(rows, moment: moment)
    case .promptAgain(let repetition):
      for part in repetition.parts(of: prompt) {
        let rows = part.rows.enumerated().map { index, row in
          let content =
            switch row {
            case .token(let token): 1 << 30 + token
            case .position(let position): position
            }
          return ProbeRow(content: content, place: chunk.upperBound + index)
        }
        try show(rows, repeating: part.repeated, moment: moment)
      }
    }
  }

  private func show(
    _ rows: [ProbeRow], repeating repeated: Range<Int> = 0..<0, moment: Moment
  ) throws(StoreError) {
    for layer in 0..<source.shape.layers where wants[layer].probe(at: moment) != nil {
      try show(rows, repeating: repeated, layer: layer, moment: moment)
    }
  }

  private func show(
    _ probe: [ProbeRow], repeating repeated: Range<Int>, layer: Int, moment: Moment
  ) throws(StoreError) {
    let lanes = (0..<source.shape.keyHeads).map { readLane(layer: layer, head: $0) }
    let group = source.shape.group
    var shown = ShownSignals(stride: (lanes.map(\.count).max() ?? 0) + probe.count)
    var queries: [RecentQuery] = []
    var rows = Array(repeating: [SignalRows](), count: lanes.count)
    for (index, query) in probe.enumerated() {
      let logits = (0..<source.shape.queryHeads).map { head in
        self.logits(of: index, in: probe, layer: layer, head: head, lanes[head / group])
      }
      queries.append(RecentQuery(position: query.place, logSums: logits.map(Plain.logSum)))
      for head in lanes.indices {
        let own = Array(logits[head * group..<(head + 1) * group])
        rows[head].append(SignalRows(own, stride: shown.stride))
      }
    }
    shown.repeated = repeated
    shown.probeRowCount = probe.count
    let signals = sequence.signals(ofLayer: layer, at: moment)
    if signals.valueReach { shown.valueReach = PlainValueReach(source) }
    if signals.layerInput {
      shown.tokenCount = probe.count
      shown.layerInputs = probe.flatMap { source.input(layer, $0.content) }
    }
    if signals.promptRows > 0 {
      shown.promptRows = PlainPromptRows(rows, queries, group: group, stride: shown.stride)
    }
    let plan = try consult(layer: layer, moment: moment, shown)
    apply(plan, layer: layer, moment: moment)
  }

  /// The logits of a row of the probe over a lane's rows, then over the probe's rows.
  private func logits(
    of index: Int, in probe: [ProbeRow], layer: Int, head: Int, _ lane: PlainLane
  ) -> [Float] {
    let row = probe[index]
    let query = source.rotate(source.query(layer, head, row.content), at: row.place)
    func logit(_ content: Int, _ key: @autoclosure () -> [Float]) -> Float {
      source.logit?(layer, head, row.content, content) ?? Plain.scaledProduct(query, key())
    }
    return lane.positions.indices.map { logit(lane.positions[$0], lane.keys[$0]) }
      + probe.indices.map { other in
        guard other <= index else { return -.infinity }
        let (content, place) = (probe[other].content, probe[other].place)
        return logit(
          content,
          source.rotate(source.key(layer, head / source.shape.group, content), at: place))
      }
  }
}
