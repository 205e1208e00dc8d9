/// What `prefill` and `step` may look at: one layer, lent for one call.
@safe public struct LayerView: ~Copyable, ~Escapable {
  // The lanes and buffers outlive the view: the sequence makes it on its own stack and ends it before
  // anything is mutated.

  /// Why the hook is called.
  public let moment: Moment
  /// The layer, from 0.
  public let layer: Int
  /// The shape of the whole cache.
  public let shape: CacheShape
  /// Tokens read, the current ones included.
  public let length: LogicalLength
  let lanes: [Lane]
  let signals: SignalBuffers

  @_lifetime(borrow signals)
  init(
    moment: Moment, layer: Int, shape: CacheShape, length: LogicalLength, lanes: [Lane],
    signals: borrowing SignalBuffers
  ) {
    self.moment = moment
    self.layer = layer
    self.shape = shape
    self.length = length
    self.lanes = lanes
    self.signals = copy signals
  }

  /// The lane of one key head.
  @_lifetime(borrow self)
  public func lane(_ head: Int) -> LaneView {
    precondition(head >= 0 && head < shape.keyHeads, "no such key head")
    return LaneView(
      lanes[layer * shape.keyHeads + head], group: shape.group, length: length, signals: signals)
  }
}

/// What `evict` may look at: the lanes it decides about, lent for one call.
@safe public struct CacheView: ~Copyable, ~Escapable {
  /// Why the hook is called.
  public let moment: Moment
  /// The layers to decide about: one, or under scope `sequence` all of the policy's.
  public let layers: [Int]
  /// The shape of the whole cache.
  public let shape: CacheShape
  /// Tokens read, the current ones included.
  public let length: LogicalLength
  let lanes: [Lane]
  let signals: SignalBuffers

  @_lifetime(borrow signals)
  init(
    moment: Moment, layers: [Int], shape: CacheShape, length: LogicalLength, lanes: [Lane],
    signals: borrowing SignalBuffers
  ) {
    self.moment = moment
    self.layers = layers
    self.shape = shape
    self.length = length
    self.lanes = lanes
    self.signals = copy signals
  }

  /// One lane. The signals of the layer's last hook are readable under scope `layer` only.
  @_lifetime(borrow self)
  public func lane(layer: Int, head: Int) -> LaneView {
    precondition(
      layers.contains(layer) && head >= 0 && head < shape.keyHeads,
      "the policy was not asked about this lane")
    return LaneView(
      lanes[layer * shape.keyHeads + head], group: shape.group, length: length, signals: signals)
  }
}

/// Why a hook is called.
public enum Moment: Hashable, Sendable {
  /// A chunk of the prompt was read: `tokens` are its positions; `isLast` when the prompt ends with it.
  case chunk(tokens: Range<Int>, isLast: Bool)
  /// One token was decoded. `index` counts decode steps from 1.
  case step(index: Int)
}

/// One lane, lent for one call. Rows are numbered from 0 in no particular order: a row's position is the
/// only truth about its age.
///
/// Copyable, unlike the other views, which policies are only lent: they call a lane by a name of its own,
/// and the compiler puts a noncopyable local that spans are borrowed from in a heap box.
@safe public struct LaneView: ~Escapable {
  /// Query heads that read this lane.
  public let group: Int
  /// Tokens read by the sequence, the current ones included.
  public let length: LogicalLength
  let lane: Lane
  let signals: SignalBuffers

  @_lifetime(borrow signals)
  init(_ lane: Lane, group: Int, length: LogicalLength, signals: borrowing SignalBuffers) {
    self.lane = lane
    self.group = group
    self.length = length
    self.signals = copy signals
  }

  /// Which lane.
  public var id: LaneID { lane.id }
  /// Rows it holds.
  public var count: Int { lane.count }

  /// Each row's position in the text. `count` values.
  public var positions: Span<Int32> {
    @_lifetime(borrow self)
    get {
      // The array is not mutated while the view is lent.
      let values = unsafe lane.positions.withUnsafeBufferPointer { unsafe $0 }
      return unsafe _overrideLifetime(values.span, borrowing: self)
    }
  }

  /// Rows in ascending position. O(n) when they already are, else O(n log n).
  public func rowsByPosition() -> [Int] { lane.rowsByPosition() }

  /// One entry of a column, over all rows. `count` values. Not for a column of votes.
  @_lifetime(borrow self)
  public func column(_ index: Int, entry: Int = 0) -> Span<Float> {
    let storage = lane.columns[index]
    let values = unsafe UnsafeBufferPointer(start: storage.entry(entry), count: lane.count)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }

  /// One entry of a column for writing. `count` values. Not for a column of votes.
  ///
  /// Do not hold two spans of the same entry at once: the writes of one are then visible in the other.
  @_lifetime(borrow self)
  public func mutableColumn(_ index: Int, entry: Int = 0) -> MutableSpan<Float> {
    let storage = lane.ownColumn(index)
    let values = unsafe UnsafeMutableBufferPointer(start: storage.entry(entry), count: lane.count)
    let span = unsafe values.mutableSpan
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The new token's logits for query head `head` of the group. `count` values.
  @_lifetime(borrow self)
  public func logits(_ head: Int) -> Span<Float> {
    unsafe span(signals.logits, row: queryHead(head), "stepLogits")
  }

  /// The new token's probabilities for query head `head` of the group. `count` values.
  @_lifetime(borrow self)
  public func probabilities(_ head: Int) -> Span<Float> {
    unsafe span(signals.probabilities, row: queryHead(head), "stepProbabilities")
  }

  /// How many queries ``promptRow(_:_:)`` has: the last `n` declared, or fewer if fewer were read.
  public var promptRowCount: Int { signals.promptRowCount }

  /// Logits of the `index`-th of the last queries, oldest first, for query head `head` of the group.
  @_lifetime(borrow self)
  public func promptRow(_ index: Int, _ head: Int) -> Span<Float> {
    precondition(index >= 0 && index < signals.promptRowCount, "no such prompt row")
    return unsafe span(
      signals.promptRows, row: queryHead(head) * signals.promptRowCount + index,
      "promptRows")
  }

  /// Per row, the sum of the chunk's probabilities for query head `head` of the group.
  @_lifetime(borrow self)
  public func promptColumnSums(_ head: Int) -> Span<Float> {
    unsafe span(signals.columnSums, row: queryHead(head), "promptColumnSums")
  }

  /// A copy of a row's key as it is stored: rotated under position rule `original`, else un-rotated.
  public func key(_ row: Int) -> [Float] { lane.vector(row, value: false) }

  /// A copy of a row's value.
  public func value(_ row: Int) -> [Float] { lane.vector(row, value: true) }

  private func queryHead(_ head: Int) -> Int {
    precondition(head >= 0 && head < group, "no such query head in the group")
    return lane.id.head * group + head
  }

  @_lifetime(borrow self)
  private func span(_ base: UnsafePointer<Float>?, row: Int, _ signal: String) -> Span<Float> {
    guard let base = unsafe base else {
      // A mistake in the policy's code: what it may read follows from what it declared, not from input.
      preconditionFailure("the signal \(signal) is not declared, or not given at this moment")
    }
    // Every row of signals has room for the longest lane of the layer they are about.
    precondition(lane.count <= signals.stride, "the signals are about another layer")
    let values = unsafe UnsafeBufferPointer(start: base + row * signals.stride, count: lane.count)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }
}

/// Where the engine put the signals of one layer. Rows of `stride` floats, one per query head (for
/// prompt rows: per query head and query); the first `count` of the lane's are filled.
@safe package struct SignalBuffers {
  /// Floats between two rows.
  package var stride = 0
  /// Logits of the new token.
  @unsafe package var logits: UnsafePointer<Float>?
  /// Probabilities of the new token.
  @unsafe package var probabilities: UnsafePointer<Float>?
  /// Logits of the last prompt queries.
  @unsafe package var promptRows: UnsafePointer<Float>?
  /// How many queries those are.
  package var promptRowCount = 0
  /// Sums of the chunk's probabilities.
  @unsafe package var columnSums: UnsafePointer<Float>?

  /// No signal.
  package init() {
    unsafe logits = nil
    unsafe probabilities = nil
    unsafe promptRows = nil
    unsafe columnSums = nil
  }
}
