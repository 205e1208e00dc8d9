import KVPolicyKit

/// A step that corrects past tokens.
extension LlamaSession {
  /// How many tokens pass through the layers in the next step.
  var stepTokens: Int { 1 + (revised?.count ?? 0) }

  /// Computes the attention outputs of a step's token and of the past tokens before it, whose keys
  /// and values are written over the stored ones first.
  @unsafe func attendRevising(
    layer: Int, _ rows: TokenRows, _ revised: RevisedTokens, moment: Moment
  ) {
    let configuration = model.configuration
    let past = unsafe rows.selecting(0..<revised.count, configuration)
    let new = unsafe rows.selecting(revised.count..<rows.count, configuration)
    let first = sequence.length.tokens - revised.count
    unsafe rotate(past, from: first, isShared: false)
    let width = configuration.keyHeads * configuration.headDimension
    for token in 0..<revised.count {
      do throws(StoreError) {
        try unsafe sequence.overwrite(
          layer: layer, position: first + token, keys: past.keys + token * width,
          values: past.values + token * width)
      } catch { return }
    }
    unsafe attendOnce(layer: layer, new, moment: moment)
    guard sequence.failure == nil else { return }
    unsafe RevisedAttention(self, layer: layer, revised, past).run()
    unsafe note(new, layer: layer, in: revised)
  }

  /// Notes what the new token has read in a layer. `StepAttention` has noted its sums of
  /// exponentials.
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

extension TokenRows {
  /// Some of these tokens.
  func selecting(_ tokens: Range<Int>, _ configuration: LlamaConfiguration) -> TokenRows {
    let queryWidth = configuration.queryHeads * configuration.headDimension
    let keyWidth = configuration.keyHeads * configuration.headDimension
    let first = tokens.lowerBound
    return unsafe TokenRows(
      scratch: scratch, count: tokens.count, inputs: inputs + first * configuration.hidden,
      queries: queries + first * queryWidth, keys: keys + first * keyWidth,
      values: values + first * keyWidth, mixed: mixed + first * queryWidth)
  }
}
