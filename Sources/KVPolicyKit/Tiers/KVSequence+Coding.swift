/// Asking the codec of a layer.
extension KVSequence {
  /// Asks the codec of a layer, if there is one, which rows become codes, and carries it out: after
  /// a prompt's last chunk, and after each decode step. The layer's policy was asked before.
  ///
  /// - Throws: `StoreError.badPlan` for a plan that the lanes contradict and `StoreError.poolFull`;
  ///   both end the sequence.
  package func code(layer: Int, moment: Moment) throws(StoreError) {
    let owner = policies.owner[layer]
    guard policies.codecs[owner] != nil else { return }
    if case .chunk(_, isLast: false) = moment { return }
    codePlan.removeAll()
    let after = LogicalLength(length.tokens + moment.tokens)
    let view = LayerView(
      moment: moment, layer: layer, shape: shape, length: after, lanes: lanes,
      signals: SignalBuffers())
    policies.codecs[owner]?.code(view, plan: &codePlan)
    guard !codePlan.isEmpty else { return }
    let tiers = policies.codecs[owner]?.tiers ?? []
    try keepingFailure { () throws(StoreError) in
      for edit in codePlan.edits {
        try check(edit, layer: layer, tiers: tiers)
        let lane = lane(layer, edit.lane.head)
        try lane.code(
          Array(codePlan.numbers[edit.numbers]), value: edit.isValues, tier: edit.tier)
      }
    }
    measure(layer: layer)
  }

  private func check(
    _ edit: CodePlan.Edit, layer: Int, tiers: [Tier]
  ) throws(StoreError) {
    guard edit.lane.layer == layer, (0..<shape.keyHeads).contains(edit.lane.head) else {
      throw .badPlan(lane: edit.lane, reason: "the codec was not asked about this lane")
    }
    guard tiers.indices.contains(edit.tier) else {
      throw .badPlan(
        lane: edit.lane, reason: "it names tier \(edit.tier) of \(tiers.count)")
    }
    try check(
      codePlan.numbers.span.extracting(edit.numbers), of: lane(layer, edit.lane.head))
    let format = edit.isValues ? tiers[edit.tier].values : tiers[edit.tier].keys
    guard format.grouping == .ofRow || edit.numbers.count.isMultiple(of: format.group) else {
      throw .badPlan(
        lane: edit.lane,
        reason: "it codes \(edit.numbers.count) rows, which do not fill groups of \(format.group)")
    }
  }
}

/// What codecs see of a lane's codes.
extension LaneView {
  /// Rows whose keys are in the store's format.
  public var plainKeyCount: Int { lane.count - (lane.coded?.keys.count ?? 0) }
  /// Rows whose values are in the store's format.
  public var plainValueCount: Int { lane.count - (lane.coded?.values.count ?? 0) }

  /// Rows whose keys are in the store's format, in ascending position. O(rows), and a sort if the
  /// lane is not in order.
  public func plainKeys() -> [Int] {
    lane.rowsByPosition().filter { lane.coded?.keys.place(of: $0) == nil }
  }

  /// Rows whose values are in the store's format, in ascending position. O(rows), and a sort if the
  /// lane is not in order.
  public func plainValues() -> [Int] {
    lane.rowsByPosition().filter { lane.coded?.values.place(of: $0) == nil }
  }
}
