/// Asking the codec of a layer.
extension KVSequence {
  /// Asks the codecs which rows become codes, and carries it out: after a prompt's last chunk, and
  /// after each decode step. All policies were asked before.
  ///
  /// - Throws: `StoreError.badPlan` for a plan that the lanes contradict, which ends the sequence.
  func code(moment: Moment) throws(StoreError) {
    guard hasCodecs else { return }
    if case .chunk(_, isLast: false) = moment { return }
    for layer in 0..<shape.layers { try code(layer: layer, moment: moment) }
  }

  /// Shows a layer to its codec.
  func observeByCodec(
    _ owner: Int, layer: Int, moment: Moment, after: LogicalLength, signals: SignalBuffers
  ) {
    let view = LayerView(
      moment: moment, layer: layer, shape: shape, length: after, lanes: lanes, signals: signals,
      firstColumn: declared[owner].codecColumn)
    switch moment {
    case .chunk: policies.codecs[owner]?.prefill(view)
    case .step: policies.codecs[owner]?.step(view)
    }
  }

  /// Pages of the store's format that take as much memory as the codes which the next moment may
  /// need: those of all rows that are no codes yet.
  func codePages(for tokens: Int) -> Int {
    guard hasCodecs else { return 0 }
    let bytes = lanes.reduce(0) { $0 + $1.codeBytesNeeded(for: tokens) }
    return (bytes + store.pageBytes - 1) / store.pageBytes
  }

  private func code(layer: Int, moment: Moment) throws(StoreError) {
    let owner = policies.owner[layer]
    guard policies.codecs[owner] != nil else { return }
    codePlan.removeAll()
    let after = LogicalLength(length.tokens + moment.tokens)
    let view = LayerView(
      moment: moment, layer: layer, shape: shape, length: after, lanes: lanes,
      signals: SignalBuffers(), firstColumn: declared[owner].codecColumn)
    policies.codecs[owner]?.code(view, plan: &codePlan)
    guard !codePlan.isEmpty, let codec = policies.codecs[owner] else { return }
    let tiers = codec.tiers
    onCode?(codePlan, codec)
    try keepingFailure { () throws(StoreError) in
      for (lane, map) in codePlan.maps { try apply(map, of: lane, layer: layer, tiers: tiers) }
      for edit in codePlan.edits {
        try check(edit, layer: layer, tiers: tiers)
        let lane = lane(layer, edit.lane.head)
        try lane.code(
          Array(codePlan.numbers[edit.numbers]), value: edit.isValues, tier: edit.tier)
      }
    }
    measure(layer: layer)
  }

  private func apply(
    _ map: KeyMap, of id: LaneID, layer: Int, tiers: [Tier]
  ) throws(StoreError) {
    guard id.layer == layer, (0..<shape.keyHeads).contains(id.head),
      let keys = lane(layer, id.head).coded?.keys
    else {
      throw .badPlan(lane: id, reason: "the codec was not asked about this lane")
    }
    guard keys.map == nil, keys.count == 0 else {
      throw .badPlan(
        lane: id, reason: "its keys are codes or have a map already, and a map is frozen")
    }
    if let problem = map.problem(width: shape.headDimension) {
      throw .badPlan(lane: id, reason: problem)
    }
    let formats = tiers.map(\.keys)
    for format in formats {
      if let problem = format.problem(width: map.channels.count) {
        throw .badPlan(lane: id, reason: problem)
      }
    }
    let (layouts, pools) = try store.blocks(formats, width: map.channels.count)
    keys.apply(map, layouts: layouts, pools: pools)
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
    let numbers = codePlan.numbers
    try check(numbers.span.extracting(edit.numbers), of: lane(layer, edit.lane.head))
    let format = edit.isValues ? tiers[edit.tier].values : tiers[edit.tier].keys
    guard format.grouping == .ofRow || edit.numbers.count.isMultiple(of: format.group) else {
      throw .badPlan(
        lane: edit.lane,
        reason: "it codes \(edit.numbers.count) rows, which do not fill groups of \(format.group)")
    }
  }
}

extension KVSequence {
  /// The bytes of a list's rows as they are stored.
  func codedBytes(ofList list: Int, _ lane: Lane) -> Int {
    guard let coded = lane.coded, readsPart, let range = readSets.lists[list] else {
      return lane.rowBytes
    }
    let (keys, values) = (readSets.keyPlaces[range], readSets.valuePlaces[range])
    let whole = keys.count { $0 < 0 } + values.count { $0 < 0 }
    return whole * lane.layout.rowBytes + coded.keys.rowBytes(at: keys)
      + coded.values.rowBytes(at: values)
  }

  /// The mean bytes of a row, key and value, as rows are stored now.
  package var meanRowBytes: Double {
    let rows = lanes.reduce(0) { $0 + $1.count }
    guard hasCodecs, rows > 0 else { return Double(store.bytesPerToken / shape.lanes) }
    return Double(lanes.reduce(0) { $0 + $1.rowBytes }) / Double(rows)
  }

  /// How many keys and values of a lane are codes.
  package func codedRows(layer: Int, head: Int) -> (keys: Int, values: Int) {
    let coded = namedLane(layer, head).coded
    return (coded?.keys.count ?? 0, coded?.values.count ?? 0)
  }
}

/// What codecs see of a lane's codes.
extension LaneView {
  /// Rows whose keys are in the store's format.
  public var plainKeyCount: Int { lane.count - (lane.coded?.keys.count ?? 0) }
  /// Rows whose values are in the store's format.
  public var plainValueCount: Int { lane.count - (lane.coded?.values.count ?? 0) }

  /// Whether a map says what is stored of the lane's keys that are codes.
  public var hasKeyMap: Bool { lane.coded?.keys.map != nil }
  /// The tier of a row's key; nil if the key is in the store's format.
  ///
  /// - Precondition: the lane has the row, as for an index of an array.
  public func keyTier(_ row: Int) -> Int? {
    precondition(row >= 0 && row < lane.count, "no such row in the lane")
    return lane.coded?.keys.tier(of: row)
  }

  /// Rows whose keys are in the store's format, in ascending position: all, or the `limit` oldest.
  /// O(such rows) where the lane's rows are in order and its first rows are codes, as in a lane that
  /// forgot nothing; else O(rows), and a sort if they are not in order.
  public func plainKeys(oldest limit: Int = .max) -> [Int] { plainRows(lane.coded?.keys, limit) }

  /// Rows whose values are in the store's format, in ascending position; as ``plainKeys(oldest:)``.
  public func plainValues(oldest limit: Int = .max) -> [Int] {
    plainRows(lane.coded?.values, limit)
  }

  private func plainRows(_ side: CodedSide?, _ limit: Int) -> [Int] {
    // Constants, because each access to the lane's own arrays would be checked. The side has
    // `coded` places, and nothing changes it meanwhile.
    let positions = lane.positions
    let (places, coded) = unsafe (side.map { unsafe $0.places.base }, side?.places.count ?? 0)
    let missing = positions.count - (side?.count ?? 0)
    let wanted = lane.isOrdered ? max(0, min(limit, missing)) : missing
    var found: [Int] = []
    found.reserveCapacity(wanted)
    var row = side?.firstPlain ?? 0
    while found.count < wanted {
      if let places = unsafe places, row < coded, unsafe places[row] >= 0 {
        row += 1
        continue
      }
      found.append(row)
      row += 1
    }
    if lane.isOrdered { return found }
    found.sort { positions[$0] < positions[$1] }
    return Array(found.prefix(max(0, limit)))
  }
}

extension ReadSets {
  /// Appends the places of the rows from index `first` on, which are rows of a lane.
  mutating func appendPlaces(of lane: Lane, from first: Int) {
    for row in rows[first...] {
      keyPlaces.append(Int32(lane.coded?.keys.place(of: Int(row)) ?? -1))
      valuePlaces.append(Int32(lane.coded?.values.place(of: Int(row)) ?? -1))
    }
  }
}

extension KVSequence {
  /// Lends a list's rows of a lane with the places of their codes, if the lane has any.
  @unsafe func withCodes<Result>(
    of lane: Lane, _ list: Range<Int>, _ rows: LaneRows, _ body: (LaneRows) -> Result
  ) -> Result {
    guard lane.hasCodes, let coded = lane.coded else { return unsafe body(rows) }
    return unsafe readSets.keyPlaces.withUnsafeBufferPointer { keys in
      unsafe readSets.valuePlaces.withUnsafeBufferPointer { values in
        // A list has at least one row, so there are base addresses.
        let keys = unsafe keys.baseAddress.unsafelyUnwrapped + list.lowerBound
        let values = unsafe values.baseAddress.unsafelyUnwrapped + list.lowerBound
        var listed = unsafe rows
        unsafe listed.codes = unsafe LaneCodes(
          keys: coded.keys.lend(keys), values: coded.values.lend(values))
        return unsafe body(listed)
      }
    }
  }
}
