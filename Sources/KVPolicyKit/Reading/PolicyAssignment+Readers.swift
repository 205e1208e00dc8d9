extension PolicyAssignment {
  /// The policy of a layer, and what decode steps read of it.
  func policies(ofLayer layer: Int) -> (policy: any KVCachePolicy, reader: (any RowReader)?) {
    (policies[owner[layer]], readers[owner[layer]])
  }

  /// What decode steps read of a policy's layers: what its own reader says, or else `given`.
  ///
  /// - Throws: `PolicyError.impossible` if there are two readers, or for a reader that the engine
  ///   cannot serve beside the policy.
  static func reader(
    of policy: any KVCachePolicy, or given: (any RowReader)?, _ shape: CacheShape
  ) throws(PolicyError) -> (any RowReader)? {
    let own = (policy as? any ReadingPolicy)?.reader
    guard let reader = own ?? given else { return nil }
    let (name, readerName) = (type(of: policy).name, type(of: reader).name)
    func impossible(_ reason: String) -> PolicyError { .impossible(policy: name, reason: reason) }
    if own != nil && given != nil {
      throw impossible("it reads by itself; leave \"read\" out, or give another policy a reader")
    }
    if policy.positions != .original {
      throw impossible(
        "\(readerName) compares queries with keys as they were stored, which needs original positions; "
          + "set \"positions\" to \"original\", or leave \"read\" out")
    }
    if policy.phase == .beforeOutput {
      throw impossible(
        "it decides between a step's logits and its output, and \(readerName) before the logits; "
          + "choose another phase, or leave \"read\" out")
    }
    let signals = SignalSet(reader.signals)
    if max(signals.promptRows, signals.recentRows) > 1 {
      throw impossible(
        "\(readerName) asks for several of the last queries, which the policy would be shown too; "
          + "a reader may ask for one")
    }
    if policy.probe != nil && !reader.signals.isEmpty {
      throw impossible(
        "its probe's queries would take the place of the prompt's, which \(readerName) looks at; "
          + "leave \"read\" out, or choose a reader that looks at keys only")
    }
    for column in reader.columns(for: shape) where column.width < 1 {
      throw impossible(
        "\(readerName) declares \(column.width) for the width of column '\(column.name)'; declare 1 or more"
      )
    }
    if let digest = reader.digest, digest.rows < 1 {
      throw impossible(
        "\(readerName) declares pages of \(digest.rows) positions; declare 1 or more")
    }
    return reader
  }
}
