import KVPolicyKit

/// A step that corrects past tokens.
extension LlamaSession {
  /// Writes over the keys and values of the past tokens among those of a step.
  @unsafe func overwritePast(layer: Int, _ rows: TokenRows) throws(StoreError) {
    let past = unsafe rows.dropLast
    guard unsafe past.count > 0 else { return }
    let first = unsafe sequence.length.tokens - past.count
    unsafe rotate(past, from: first, isShared: false)
    let width = model.configuration.keyHeads * model.configuration.headDimension
    for token in unsafe 0..<past.count {
      try unsafe sequence.overwrite(
        layer: layer, position: first + token, keys: past.keys + token * width,
        values: past.values + token * width)
    }
  }

  /// Corrects the attention outputs of the past tokens among those of a step, once the output of
  /// the new token is computed.
  @unsafe func revise(
    _ revised: RevisedTokens, _ rows: TokenRows, layer: Int, _ attention: StepAttention,
    alone: Bool
  ) {
    let state = revised.state(revised.count, layer: layer)
    unsafe attention.writeLogSums(to: state.logSums.base)
    unsafe RevisedAttention(self, layer: layer, revised, rows.dropLast, alone: alone).run()
    unsafe note(rows.last, layer: layer, in: revised)
  }

  /// Notes what the new token has read in a layer.
  @unsafe private func note(_ new: TokenRows, layer: Int, in revised: RevisedTokens) {
    let (heads, width) = (model.configuration.queryHeads, model.configuration.headDimension)
    let state = revised.state(revised.count, layer: layer)
    unsafe state.queries.base.update(from: new.queries, count: heads * width)
    unsafe state.mixed.base.update(from: new.mixed, count: heads * width)
    for head in 0..<heads {
      state.read[head].removeAll(keepingCapacity: true)
      revised.slots.removeAll(keepingCapacity: true)
      sequence.appendUnread(
        layer: layer, queryHead: head, through: sequence.length.tokens, read: &state.read[head],
        into: &revised.slots)
    }
  }
}
