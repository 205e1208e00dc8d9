extension PolicyAssignment {
  /// The codec of a layer.
  func codec(ofLayer layer: Int) -> (any RowCodec)? { codecs[owner[layer]] }

  /// A lane's room for codes, if its layer has a codec.
  func codes(ofLayer layer: Int, in store: PagedKVStore) -> Lane.Coded? {
    guard let codec = codecs[owner[layer]] else { return nil }
    guard let coded = try? Lane.Coded(codec.tiers, in: store) else {
      // A mistake in the program that calls `makeSequence(_:)`, not in input: `codec(of:or:_:)` has
      // checked the tiers for the shape that the policies were assigned for.
      preconditionFailure("policies were assigned for another head dimension")
    }
    return coded
  }

  /// How a policy's layers store rows as codes: what its own codec says, or else `given`.
  ///
  /// - Throws: `PolicyError.impossible` if there are two codecs, or for a codec that cannot store
  ///   rows of this shape beside the policy.
  static func codec(
    of policy: any KVCachePolicy, or given: (any RowCodec)?, _ shape: CacheShape
  ) throws(PolicyError) -> (any RowCodec)? {
    let own = (policy as? any CodingPolicy)?.codec
    guard let codec = own ?? given else { return nil }
    let (name, codecName) = (type(of: policy).name, type(of: codec).name)
    func impossible(_ reason: String) -> PolicyError { .impossible(policy: name, reason: reason) }
    if own != nil && given != nil {
      throw impossible("it codes rows by itself; leave \"codec\" out")
    }
    if policy.positions != .original {
      throw impossible(
        "\(codecName) codes keys as they are rotated when they are read, which needs original "
          + "positions; set \"positions\" to \"original\", or leave \"codec\" out")
    }
    if policy.probe != nil && !codec.signals.isEmpty {
      throw impossible(
        "its probe's queries would take the place of the prompt's, which \(codecName) looks at; "
          + "choose a codec that looks at none")
    }
    let signals = SignalSet(codec.signals)
    if max(signals.promptRows, signals.recentRows) > 0 {
      throw impossible(
        "\(codecName) asks for the last queries' rows, which the policy would be shown too; a "
          + "codec may ask for queries and for sums of columns")
    }
    for column in codec.columns(for: shape) where column.width < 1 {
      throw impossible(
        "\(codecName) declares \(column.width) for the width of column '\(column.name)'; declare "
          + "1 or more")
    }
    if codec.tiers.isEmpty { throw impossible("\(codecName) declares no tier; declare one") }
    for tier in codec.tiers {
      for format in [tier.keys, tier.values] {
        if let problem = format.problem(width: shape.headDimension) { throw impossible(problem) }
      }
    }
    return codec
  }
}
