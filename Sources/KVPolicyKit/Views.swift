/// What `prefill` and `step` may look at: one layer, lent for one call.
@safe public struct LayerView: ~Copyable, ~Escapable {
  // The lanes and buffers outlive the view: the sequence makes it on its own stack and ends it
  // before anything is mutated.

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

  /// Lends the layer's lanes one after the other, in the order of their heads.
  public func forEachLane(_ body: (borrowing LaneView) -> Void) {
    for head in 0..<shape.keyHeads { body(lane(head)) }
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

  /// One lane. Its signals are those of the layer's last hook under scope `layer`, and none under
  /// scope
  /// `sequence`, nor in a decode step under phase `beforeStep`: reading one there traps.
  @_lifetime(borrow self)
  public func lane(layer: Int, head: Int) -> LaneView {
    precondition(
      layers.contains(layer) && head >= 0 && head < shape.keyHeads,
      "the policy was not asked about this lane")
    return LaneView(
      lanes[layer * shape.keyHeads + head], group: shape.group, length: length, signals: signals)
  }

  /// Lends the lanes to decide about one after the other, by layer and head.
  public func forEachLane(_ body: (borrowing LaneView) -> Void) {
    for layer in layers {
      for head in 0..<shape.keyHeads { body(lane(layer: layer, head: head)) }
    }
  }
}

/// Why a hook is called.
public enum Moment: Hashable, Sendable {
  /// A chunk of the prompt was read: `tokens` are its positions; `isLast` when the prompt ends with
  /// it.
  case chunk(tokens: Range<Int>, isLast: Bool)
  /// One token was decoded. `index` counts decode steps from 1.
  case step(index: Int)
}

/// One lane, lent for one call. Rows are numbered from 0 in no particular order: a row's position
/// is the only truth about its age.
///
/// Copyable, unlike the other views, which policies are only lent: they call a lane by a name of
/// its own, and the compiler puts a noncopyable local that spans are borrowed from in a heap box.
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

  /// Rows in ascending position; with a protection, those that it leaves exposed. O(n) when rows
  /// already are in that order, else O(n log n).
  public func rowsByPosition(outside protection: Protection = Protection()) -> [Int] {
    let rows = lane.rowsByPosition()
    guard protection != Protection() else { return rows }
    let exposed = protection.exposed(of: length)
    return rows.filter { exposed.contains(lane.positions[$0]) }
  }

  /// One entry of a column of floats, over all rows. `count` values.
  @_lifetime(borrow self)
  public func column(_ index: Int, entry: Int = 0) -> Span<Float> {
    unsafe _overrideLifetime(span(index, entry, .float), borrowing: self)
  }

  /// One entry of a column of floats for writing. `count` values.
  ///
  /// Do not hold two spans of the same entry at once: the writes of one are then visible in the
  /// other.
  @_lifetime(borrow self)
  public func mutableColumn(_ index: Int, entry: Int = 0) -> MutableSpan<Float> {
    unsafe _overrideLifetime(mutableSpan(index, entry, .float), borrowing: self)
  }

  /// One entry of a column of bytes, over all rows. `count` values.
  @_lifetime(borrow self)
  public func bytes(_ index: Int, entry: Int = 0) -> Span<UInt8> {
    unsafe _overrideLifetime(span(index, entry, .byte), borrowing: self)
  }

  /// One entry of a column of bytes for writing, as ``mutableColumn(_:entry:)``.
  @_lifetime(borrow self)
  public func mutableBytes(_ index: Int, entry: Int = 0) -> MutableSpan<UInt8> {
    unsafe _overrideLifetime(mutableSpan(index, entry, .byte), borrowing: self)
  }

  /// One entry of a column of counts, over all rows. `count` values.
  @_lifetime(borrow self)
  public func counts(_ index: Int, entry: Int = 0) -> Span<UInt32> {
    unsafe _overrideLifetime(span(index, entry, .count), borrowing: self)
  }

  /// One entry of a column of counts for writing, as ``mutableColumn(_:entry:)``.
  @_lifetime(borrow self)
  public func mutableCounts(_ index: Int, entry: Int = 0) -> MutableSpan<UInt32> {
    unsafe _overrideLifetime(mutableSpan(index, entry, .count), borrowing: self)
  }

  @_lifetime(borrow self)
  private func span<Number>(
    _ index: Int, _ entry: Int, _ element: Column.Element
  ) -> Span<Number> {
    let storage = lane.columns[index]
    let values = unsafe UnsafeBufferPointer<Number>(
      start: storage.entry(entry, element), count: lane.count)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }

  @_lifetime(borrow self)
  private func mutableSpan<Number>(
    _ index: Int, _ entry: Int, _ element: Column.Element
  ) -> MutableSpan<Number> {
    let storage = lane.ownColumn(index)
    let values = unsafe UnsafeMutableBufferPointer<Number>(
      start: storage.entry(entry, element), count: lane.count)
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

  /// How many queries ``forEachPromptRow(_:)`` lends: the last `n` declared, or fewer if fewer were
  /// read.
  public var promptRowCount: Int { signals.promptRowCount }

  /// Lends the logits of the prompt's last queries, one query at a time, oldest first.
  ///
  /// The engine computes them a few queries at a time, whenever they are asked for: ask once.
  public func forEachPromptRow(_ body: (borrowing PromptRow) -> Void) {
    guard let source = signals.promptRows else { notGiven("promptRows") }
    let (group, rows) = (group, count)
    source.lend(of: lane.id) { slice in
      for index in 0..<slice.count { body(PromptRow(slice, index, group: group, rows: rows)) }
    }
  }

  /// Per row, the sum of the chunk's probabilities for query head `head` of the group.
  @_lifetime(borrow self)
  public func promptColumnSums(_ head: Int) -> Span<Float> {
    unsafe span(signals.columnSums, row: queryHead(head), "promptColumnSums")
  }

  /// Copies the keys of consecutive rows as floats, row after row, as they are stored: rotated
  /// under position rule `original`, else un-rotated.
  ///
  /// - Parameters:
  ///   - rows: row numbers of the lane.
  ///   - floats: room for `rows.count × headDimension` floats.
  /// - Complexity: O(rows × headDimension), eight elements at a time.
  public func keys(_ rows: Range<Int>, into floats: inout MutableSpan<Float>) {
    lane.copyVectors(rows, value: false, into: &floats)
  }

  /// Copies the values of consecutive rows as floats, as ``keys(_:into:)`` does keys.
  public func values(_ rows: Range<Int>, into floats: inout MutableSpan<Float>) {
    lane.copyVectors(rows, value: true, into: &floats)
  }

  private func queryHead(_ head: Int) -> Int {
    precondition(head >= 0 && head < group, "no such query head in the group")
    return lane.id.head * group + head
  }

  @_lifetime(borrow self)
  private func span(_ base: UnsafePointer<Float>?, row: Int, _ signal: String) -> Span<Float> {
    guard let base = unsafe base else { notGiven(signal) }
    // Every row of signals has room for the longest lane of the layer they are about.
    precondition(lane.count <= signals.stride, "the signals are about another layer")
    let values = unsafe UnsafeBufferPointer(start: base + row * signals.stride, count: lane.count)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }
}

/// A mistake in the policy's code: what it may read follows from what it declared, not from input.
private func notGiven(_ signal: String) -> Never {
  // Not a precondition, whose message an optimised build leaves out.
  fatalError(
    "the signal \(signal) is not declared, or not given at this moment: evict is lent none under scope "
      + "sequence, and none in a decode step under phase beforeStep; read it in prefill or step")
}

/// Where the engine put the signals of one layer. Rows of `stride` floats, one per query head; the
/// first `count` of the lane's are filled.
@safe package struct SignalBuffers {
  /// Floats between two rows.
  package var stride = 0
  /// Logits of the new token.
  @unsafe package var logits: UnsafePointer<Float>?
  /// Probabilities of the new token.
  @unsafe package var probabilities: UnsafePointer<Float>?
  /// Computes logits of the last prompt queries.
  package var promptRows: (any PromptRowSource)?
  /// How many queries those are.
  package var promptRowCount = 0
  /// Sums of the chunk's probabilities.
  @unsafe package var columnSums: UnsafePointer<Float>?

  /// No signal.
  package init() {
    unsafe logits = nil
    unsafe probabilities = nil
    unsafe columnSums = nil
  }
}
