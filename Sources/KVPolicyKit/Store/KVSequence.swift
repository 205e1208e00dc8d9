/// The cache of one sequence: its lanes, its policies, and how far it has read.
///
/// An engine drives it layer by layer: ``reserve(tokens:)`` once per chunk or step, then for every
/// layer `append`, attention, `observe` and `decide`, and at the end `finish`. Not thread-safe: one
/// owner.
public final class KVSequence {
  /// The store whose pages the sequence uses.
  public let store: PagedKVStore
  let shape: CacheShape
  var lanes: [Lane]
  var policies: PolicyAssignment
  /// The declarations of each policy, read once when the sequence is made.
  let declared: [PolicyDeclarations]
  /// For each layer, a list of this layer only: the layers that a policy of scope `layer` is asked
  /// about at once. Kept, so that no step allocates a list.
  let eachLayer: [[Int]]
  /// Tokens read. The next token's position is `length.tokens`.
  public internal(set) var length = LogicalLength(0)
  /// The likeliest token after the tokens read; nil if no policy wants it, or no engine knows it.
  package var predicted: Int?
  /// How positions turn the keys of all lanes; nil if nothing turns them. An engine says it once.
  package var rotation: Rotation? {
    get { lanes.first?.rotation }
    set {
      for lane in lanes { lane.rotation = newValue }
      for owner in policies.residuals.indices { policies.residuals[owner]?.prepare(newValue) }
    }
  }
  /// Elements of what a layer's projections read; nil if no engine said it.
  package var inputWidth: Int?
  /// Decode steps so far.
  public internal(set) var steps = 0
  var ledger: FootprintLedger
  /// Per lane: the most rows that the lane held in the current chunk or step.
  var mostRows: [Int]
  /// Per lane: its bytes when last measured.
  var laneBytes: [Int]
  var residentLaneBytes = 0
  var peakResidentBytes = 0
  /// The sum of the resident bytes after each decode step.
  var residentByteSteps = 0.0
  /// Per lane: how many rows were left by its last cut; 0 if it never was cut.
  var rowsAfterCut: [Int]
  /// Per lane and kind of edit: the number (`planStamp`) of the last plan that had such an edit of
  /// the lane.
  var lastEdit: [Int]
  /// Plans checked so far.
  var planStamp = 0
  /// Per row number: the number (`listStamp`) of the last list that named the row.
  var lastMention: [Int] = []
  /// Lists of rows checked so far.
  var listStamp = 0
  /// The plan being written, kept for its memory.
  var plan = CachePlan()
  /// The rows that an edit hands to a policy's memory, kept for the array's memory.
  var foldedRows: [Int] = []
  /// Whether some layer has a reader.
  package let hasReaders: Bool
  /// Whether some layer has a codec.
  package let hasCodecs: Bool
  /// The codec's plan being written, kept for its memory.
  var codePlan = CodePlan()
  /// The reader's plan being written, kept for its memory.
  var readPlan = ReadPlan()
  /// What the layer at hand reads.
  var readSets = ReadSets()
  /// The sums over decode steps and lanes of rows read, per query head of a group, and of bytes.
  var (readRowSteps, readByteSteps) = (0.0, 0.0)
  /// The sum over the tokens of prompts and lanes of rows read.
  var promptRowSteps = 0.0
  /// The error that ended a chunk or step in its middle.
  package internal(set) var failure: StoreError?
  /// Whether a chunk or step has begun and not ended.
  var isBusy = false
  /// Called with every policy's plan that is not empty, before it is carried out. It may read the
  /// sequence. Calls that would change the sequence throw `StoreError.badRequest`, and a fork made
  /// here throws this error at its first chunk or step.
  public var onPlan: ((CachePlan, Moment) -> Void)?
  /// Called for each layer with a reader in each decode step, before attention: with the layer and
  /// the positions that each list of its reader reads, ascending. There is a list for each key
  /// head, or for each query head if some query head reads rows of its own; nil if the layer reads
  /// everything. The rules of `onPlan` hold.
  public var onRead: ((_ layer: Int, _ positions: [[Int]]?) -> Void)?
  /// Called with every codec's plan that is not empty, before it is checked and carried out, for
  /// tests. The rules of `onPlan` hold.
  package var onCode: ((_ plan: CodePlan, _ codec: any RowCodec) -> Void)?

  init(store: PagedKVStore, policies: PolicyAssignment) {
    self.store = store
    self.policies = policies
    shape = store.shape
    ledger = FootprintLedger(lanes: shape.lanes)
    mostRows = Array(repeating: 0, count: shape.lanes)
    laneBytes = mostRows
    rowsAfterCut = mostRows
    lastEdit = Array(repeating: 0, count: shape.lanes * (2 + shape.group))
    eachLayer = (0..<shape.layers).map { [$0] }
    hasReaders = policies.readers.contains { $0 != nil }
    hasCodecs = policies.codecs.contains { $0 != nil }
    declared = policies.policies.indices.map {
      PolicyDeclarations(policies, index: $0, shape: store.shape, store: store.configuration)
    }
    lanes = (0..<store.shape.lanes).map { index in
      let layer = index / store.shape.keyHeads
      let (policy, reader) = policies.policies(ofLayer: layer)
      return Lane(
        LaneID(layer: layer, head: index % store.shape.keyHeads), pool: store.pool,
        layout: store.layout, rule: policy.positions,
        columns: policy.columns(for: store.shape) + (reader?.columns(for: store.shape) ?? [])
          + (policies.codec(ofLayer: layer)?.columns(for: store.shape) ?? []),
        digest: reader?.digest, coded: policies.codes(ofLayer: layer, in: store))
    }
  }

  /// A sequence that shares every page with `other` and is independent from here on.
  private init(forking other: KVSequence) {
    store = other.store
    shape = other.shape
    lanes = other.lanes.map { Lane(forking: $0) }
    policies = other.policies
    declared = other.declared
    eachLayer = other.eachLayer
    hasReaders = other.hasReaders
    hasCodecs = other.hasCodecs
    length = other.length
    predicted = other.predicted
    steps = other.steps
    ledger = other.ledger
    mostRows = other.mostRows
    laneBytes = other.laneBytes
    rowsAfterCut = other.rowsAfterCut
    lastEdit = other.lastEdit
    planStamp = other.planStamp
    failure = other.failure ?? (other.isBusy ? KVSequence.isInMiddle : nil)
    residentLaneBytes = other.residentLaneBytes
    peakResidentBytes = other.peakResidentBytes
    residentByteSteps = other.residentByteSteps
    (readRowSteps, readByteSteps) = (other.readRowSteps, other.readByteSteps)
    promptRowSteps = other.promptRowSteps
  }

  /// A copy that shares all pages until one of the two sequences writes. O(lanes + pages); copies
  /// no row. In the middle of a chunk or step a copy is for looking only: it cannot read on.
  public func fork() -> KVSequence { KVSequence(forking: self) }

  /// The lane of a layer and key head.
  func lane(_ layer: Int, _ head: Int) -> Lane { lanes[layer * shape.keyHeads + head] }

  /// The lane that a caller names. Another lane must not answer for one that does not exist.
  func namedLane(_ layer: Int, _ head: Int) -> Lane {
    precondition(
      (0..<shape.layers).contains(layer) && (0..<shape.keyHeads).contains(head),
      "the sequence has no such layer or key head")
    return lane(layer, head)
  }

  /// The policy that decides about a layer.
  ///
  /// - Precondition: the layer exists, as for an index of an array.
  public func policy(ofLayer layer: Int) -> any KVCachePolicy {
    policies.policies[policies.owner[layer]]
  }

  /// The declarations of a layer's policy.
  package func declarations(ofLayer layer: Int) -> PolicyDeclarations {
    declared[policies.owner[layer]]
  }

  /// The signals to compute for a layer at a moment: none in steps at which its policy does not
  /// look, but for its reader's; and none about all rows for a reader that reads a part of them.
  package func signals(ofLayer layer: Int, at moment: Moment) -> SignalSet {
    let declared = declarations(ofLayer: layer)
    var shown = declared.signals
    switch moment {
    case .chunk(_, let isLast):
      if !isLast && declared.cadence.prompt != .everyChunk {
        (shown.promptRows, shown.recentRows, shown.valueReach) = (0, 0, false)
      }
    case .step:
      let looks = looks(policies.owner[layer], at: moment)
      if !looks { shown = declared.readerSignals }
      if readsPart {
        let codec = declared.codecSignals
        shown.stepLogits = looks && declared.policySignals.stepLogits || codec.stepLogits
        shown.stepProbabilities =
          looks && declared.policySignals.stepProbabilities || codec.stepProbabilities
      }
    }
    return shown
  }

  /// Whether a policy's `prefill` or `step` is called at a moment.
  func looks(_ owner: Int, at moment: Moment) -> Bool {
    guard case .step = moment else { return true }
    return declared[owner].cadence.looks == .always || isDue(owner, at: moment)
  }

  /// Whether a policy's cadence selects a moment; `slack` may still say no.
  func isDue(_ owner: Int, at moment: Moment) -> Bool {
    declared[owner].cadence.asks(at: moment, after: length.tokens, predicted: predicted)
  }

  /// Whether some policy's cadence depends on the likeliest token.
  package var wantsPrediction: Bool {
    declared.contains { if case .afterPredicted = $0.cadence.steps { true } else { false } }
  }

  /// The longest chunk in which a prompt may be read: the smallest `chunk` that a policy declared;
  /// nil if no policy declared any.
  package var longestChunk: Int? { declared.compactMap(\.cadence.chunk).min() }

  /// The probe to read after a chunk; nil for none.
  package func probe(afterLast isLast: Bool) -> Probe? {
    for policy in declared where !policy.layers.isEmpty {
      if let probe = policy.probe(at: .chunk(tokens: 0..<0, isLast: isLast)) { return probe }
    }
    return nil
  }

  /// Whether the last token of a prompt is read by a decode step.
  package var decodesLastPromptToken: Bool { policies.lastPromptToken == .decode }

  /// Whether some policy is asked after every chunk of a prompt.
  package var evictsEveryChunk: Bool {
    declared.contains { $0.cadence.prompt == .everyChunk && !$0.layers.isEmpty }
  }

  /// Rows of one lane.
  ///
  /// - Precondition: the layer and the key head exist, as for an index of an array.
  public func rowCount(layer: Int, head: Int) -> Int { namedLane(layer, head).count }

  /// Original positions that one lane still holds, ascending.
  ///
  /// - Precondition: the layer and the key head exist, as for an index of an array.
  public func keptPositions(layer: Int, head: Int) -> [Int] {
    namedLane(layer, head).positions.map(Int.init).sorted()
  }

  /// What the cache holds and has held.
  public var statistics: CacheStatistics {
    let counts = lanes.map(\.count)
    let state = policyStateBytes
    let resident = lanes.reduce(0) { $0 + $1.bytes } + ownStateBytes
    let showsReads = hasReaders && steps > 0
    return CacheStatistics(
      tokens: length.tokens, rowsLive: counts.reduce(0, +),
      rowsDropped: lanes.reduce(0) { $0 + $1.dropped }, longestLane: counts.max() ?? 0,
      shortestLane: counts.min() ?? 0, pagesHeld: lanes.reduce(0) { $0 + $1.pagesHeld },
      pagesReturned: lanes.reduce(0) { $0 + $1.pagesReturned },
      residentBytes: resident, peakResidentBytes: peakResidentBytes,
      meanResidentBytes: steps > 0
        ? Int((residentByteSteps / Double(steps)).rounded()) : resident,
      policyStateBytes: state, footprint: ledger.footprint,
      peakFootprint: ledger.peak,
      meanReadRows: showsReads ? readRowSteps / Double(steps * shape.lanes) : nil,
      meanReadBytes: showsReads ? Int((readByteSteps / Double(steps)).rounded()) : nil,
      tiers: tierStatistics)
  }

  /// Rows that queries have read so far, summed over all lanes.
  package var rowsRead: Double { promptRowSteps + readRowSteps }

  var ownStateBytes: Int { declaredStateBytes + recentQueryBytes + revisionBytes }

  /// Bytes of the queries that an engine keeps for the signal `recentRows`.
  private var recentQueryBytes: Int {
    declared.reduce(0) { total, policy in
      let queries = min(policy.signals.recentRows, length.tokens)
      return total + shape.recentQueryBytes(queries, layers: policy.layers.count)
    }
  }

  private var policyStateBytes: Int {
    lanes.reduce(0) { $0 + $1.policyBytes } + ownStateBytes
  }

  /// Updates the bytes of a layer's lanes, and the peaks.
  func measure(layer: Int) {
    for index in layer * shape.keyHeads..<(layer + 1) * shape.keyHeads {
      let bytes = lanes[index].bytes
      residentLaneBytes += bytes - laneBytes[index]
      laneBytes[index] = bytes
      mostRows[index] = max(mostRows[index], lanes[index].count)
    }
    notePeak()
  }

  /// Raises the peak if more memory is in use now than ever before.
  func notePeak() {
    peakResidentBytes = max(peakResidentBytes, residentLaneBytes + ownStateBytes)
  }

  /// Whether some layer keeps every row that decode steps add, because its policy is never asked
  /// while decoding. A budget of such a policy is spent on the prompt.
  public var grows: Bool {
    declared.contains { !$0.layers.isEmpty && !$0.cadence.asksInSteps }
  }
}

/// A policy's declarations, read once when the sequence is made.
package struct PolicyDeclarations {
  /// When the policy is asked.
  package let cadence: Cadence
  /// At which positions the keys of the policy's layers are rotated.
  package let rule: PositionRule
  /// When in a step the policy evicts.
  package let phase: Phase
  /// The signals that the policy and its layers' reader and codec want.
  package let signals: SignalSet
  /// The signals that the policy wants.
  let policySignals: SignalSet
  /// The signals that the reader and the codec want, also in steps at which the policy does not
  /// look.
  let readerSignals: SignalSet
  /// The signals that the codec wants.
  let codecSignals: SignalSet
  /// The first column of the codec, which comes after those of policy and reader.
  let codecColumn: Int
  /// Columns of the policy, which come before those of the reader.
  let ownColumns: Int
  /// The price of rows; nil for a store that cannot hold them.
  let cost: RowCost?
  /// Rows that are scored and never stored.
  let probe: Probe?
  let scope: Scope
  let protection: Protection
  /// The layers that the policy decides about.
  let layers: [Int]

  init(_ assignment: PolicyAssignment, index: Int, shape: CacheShape, store: StoreConfiguration) {
    let (policy, reader) = (assignment.policies[index], assignment.readers[index])
    policySignals = SignalSet(policy.signals)
    let codec = assignment.codecs[index]
    let beside = (reader?.signals ?? []).union(codec?.signals ?? [])
    readerSignals = SignalSet(beside)
    codecSignals = SignalSet(codec?.signals ?? [])
    codecColumn =
      codec == nil
      ? 0 : policy.columns(for: shape).count + (reader?.columns(for: shape).count ?? 0)
    ownColumns = reader == nil ? 0 : policy.columns(for: shape).count
    cost = (try? RowCost(shape: shape, store: store))?.with(reader, codec, store.format)
    cadence = assignment.cadences[index]
    rule = policy.positions
    phase = policy.phase
    signals = SignalSet(policy.signals.union(beside))
    probe = policy.probe
    scope = policy.scope
    protection = policy.protection
    layers = assignment.owner.indices.filter { assignment.owner[$0] == index }
  }

  /// The probe that the policy is shown at a moment. The engine then calls `prefill` and `evict`
  /// with the probe's rows instead of right after the chunk.
  package func probe(at moment: Moment) -> Probe? {
    guard case .chunk(_, let isLast) = moment, let probe, probe.isRead(afterLast: isLast) else {
      return nil
    }
    return probe
  }

  /// How many queries the engine keeps: while a prompt is read, or in a decode step. A prompt's
  /// last queries are not kept if a probe takes their place when the prompt ends, where alone they
  /// would be shown.
  package func keptQueries(inPrompt: Bool) -> Int {
    let isReplaced = probe?.isRead(afterLast: true) == true
    return signals.keptQueries(inPrompt: inPrompt && !isReplaced)
  }
}
