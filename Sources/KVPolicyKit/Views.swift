/// What `prefill` and `step` may look at: one layer, lent for one call.
///
/// - Precondition: a policy names key heads of the shape only. Views are used for every layer of
///   every step, so a mistake in a policy's code traps, as an index of an array does.
@safe public struct LayerView: ~Copyable, ~Escapable {
  // The lanes and buffers outlive the view: the sequence makes it on its own stack and ends it
  // before anything is mutated.

  /// Why the hook is called.
  public let moment: Moment
  /// The layer, from 0.
  public let layer: Int
  /// The shape of the whole cache.
  public let shape: CacheShape
  /// Tokens read, the current ones included, and the rows of a ``Probe`` that is shown.
  public let length: LogicalLength
  let lanes: [Lane]
  let signals: SignalBuffers
  /// How many columns the lanes have before the viewer's own.
  let firstColumn: Int

  @_lifetime(borrow signals)
  init(
    moment: Moment, layer: Int, shape: CacheShape, length: LogicalLength, lanes: [Lane],
    signals: borrowing SignalBuffers, firstColumn: Int = 0
  ) {
    self.moment = moment
    self.layer = layer
    self.shape = shape
    self.length = length
    self.lanes = lanes
    self.signals = copy signals
    self.firstColumn = firstColumn
  }

  /// The lane of one key head.
  @_lifetime(borrow self)
  public func lane(_ head: Int) -> LaneView {
    precondition(head >= 0 && head < shape.keyHeads, "no such key head")
    return LaneView(
      lanes[layer * shape.keyHeads + head], group: shape.group, length: length, signals: signals,
      firstColumn: firstColumn)
  }

  /// Lends the layer's lanes one after the other, in the order of their heads.
  public func forEachLane(_ body: (borrowing LaneView) -> Void) {
    for head in 0..<shape.keyHeads { body(lane(head)) }
  }
}

/// What `evict` may look at: the lanes it decides about, lent for one call.
///
/// - Precondition: a policy names lanes that it is asked about only, as for ``LayerView``.
@safe public struct CacheView: ~Copyable, ~Escapable {
  /// Why the hook is called.
  public let moment: Moment
  /// The layers to decide about: one, or under scope `sequence` all of the policy's.
  public let layers: [Int]
  /// The shape of the whole cache.
  public let shape: CacheShape
  /// Tokens read, the current ones included, and the rows of a ``Probe`` that is shown.
  public let length: LogicalLength
  let lanes: [Lane]
  let signals: SignalBuffers
  /// The price of rows in this cache, if the view was made for a policy of it.
  private let givenCost: RowCost?

  @_lifetime(borrow signals)
  init(
    moment: Moment, layers: [Int], shape: CacheShape, length: LogicalLength, lanes: [Lane],
    signals: borrowing SignalBuffers, cost: RowCost? = nil
  ) {
    self.moment = moment
    self.layers = layers
    self.shape = shape
    self.length = length
    self.lanes = lanes
    self.signals = copy signals
    givenCost = cost
  }

  /// One lane. Under scope `layer` its signals are those of the layer's last hook. Under scope
  /// `sequence`, and in a decode step under phase `beforeStep`, it has no signals: reading one
  /// traps.
  @_lifetime(borrow self)
  public func lane(layer: Int, head: Int) -> LaneView {
    precondition(
      layers.contains(layer) && head >= 0 && head < shape.keyHeads,
      "the policy was not asked about this lane")
    return LaneView(
      lanes[layer * shape.keyHeads + head], group: shape.group, length: length, signals: signals)
  }

  /// The price of rows in this cache.
  var cost: RowCost {
    let layout = lanes[0].layout
    return givenCost
      ?? RowCost(shape: shape, rowBytes: 2 * layout.rowBytes, pageRows: layout.pageRows)
  }

  /// Lends the lanes to decide about, one after the other, by layer and head.
  public func forEachLane(_ body: (borrowing LaneView) -> Void) {
    for layer in layers {
      for head in 0..<shape.keyHeads { body(lane(layer: layer, head: head)) }
    }
  }
}

/// Why a hook is called.
public enum Moment: Hashable, Sendable {
  /// A chunk of the prompt was read: `tokens` are the chunk's positions; `isLast` tells whether the
  /// prompt ends with the chunk.
  case chunk(tokens: Range<Int>, isLast: Bool)
  /// One token was decoded. `index` counts decode steps from 1.
  case step(index: Int)
}

/// One lane, lent for one call. Rows are numbered from 0 in no particular order: only a row's
/// position tells its age.
///
/// Copyable, unlike the other views: policies bind it to a local (`let lane = …`), and the compiler
/// would heap-allocate a noncopyable local that spans borrow from.
///
/// - Precondition: a policy names rows of the lane, query heads of the group, columns and entries
///   that it declared, and signals that it declared and is given at the moment, as for
///   ``LayerView``.
@safe public struct LaneView: ~Escapable {
  /// Query heads that read this lane.
  public let group: Int
  /// Tokens read by the sequence, the current ones included, and the rows of a ``Probe`` that is
  /// shown.
  public let length: LogicalLength
  let lane: Lane
  let signals: SignalBuffers
  private let firstColumn: Int

  @_lifetime(borrow signals)
  init(
    _ lane: Lane, group: Int, length: LogicalLength, signals: borrowing SignalBuffers,
    firstColumn: Int = 0
  ) {
    self.lane = lane
    self.group = group
    self.length = length
    self.signals = copy signals
    self.firstColumn = firstColumn
  }

  /// The layer and key head of the lane.
  public var id: LaneID { lane.id }
  /// Rows that the lane holds.
  public var count: Int { lane.count }
  /// Elements of a key, and of a value.
  public var headDimension: Int { lane.layout.headDimension }

  /// Each row's position in the text. `count` values.
  public var positions: Span<Int32> {
    @_lifetime(borrow self)
    get {
      // The array is not mutated while the view is lent.
      let values = unsafe lane.positions.withUnsafeBufferPointer { unsafe $0 }
      return unsafe _overrideLifetime(values.span, borrowing: self)
    }
  }

  /// Rows in ascending position, without the rows that `protection` protects. O(n) when the rows
  /// already are in this order, else O(n log n).
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
  /// Do not hold two spans of the same entry at once: writes through one span are visible in the
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
    let storage = lane.readableColumn(firstColumn + index)
    let values = unsafe UnsafeBufferPointer<Number>(
      start: storage.entry(entry, element), count: lane.count)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }

  @_lifetime(borrow self)
  private func mutableSpan<Number>(
    _ index: Int, _ entry: Int, _ element: Column.Element
  ) -> MutableSpan<Number> {
    let storage = lane.ownColumn(firstColumn + index)
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

  /// How many queries ``forEachPromptRow(_:)`` lends: the declared `n`, or fewer if the prompt so
  /// far is shorter.
  public var promptRowCount: Int { signals.promptRowCount }

  /// How many rows the ``Probe`` has whose queries ``forEachPromptRow(_:)`` lends; 0 if it lends
  /// queries of the prompt.
  public var probeRowCount: Int { signals.probeRowCount }

  /// The positions in the text of the tokens that the ``Probe`` repeats, if it is
  /// ``Probe/promptAgain(_:)``; they are the probe's last rows. Else empty.
  public var repeatedPositions: Range<Int> { signals.repeated }

  /// Lends the logits of the prompt's last queries, one query at a time, oldest first.
  ///
  /// Each call computes the logits again, a few queries at a time: call it once.
  public func forEachPromptRow(_ body: (borrowing PromptRow) -> Void) {
    lendRows("promptRows", body)
  }

  /// Lends the logits of the last queries that the engine keeps, in the prompt and in decode steps,
  /// as ``forEachPromptRow(_:)`` lends those of the prompt. There are as many as
  /// ``Signal/recentRows(_:)`` names, or fewer if fewer tokens were read.
  public func forEachRecentRow(_ body: (borrowing PromptRow) -> Void) {
    lendRows("recentRows", body)
  }

  private func lendRows(_ signal: String, _ body: (borrowing PromptRow) -> Void) {
    guard let source = signals.promptRows else { notGiven(signal) }
    let (group, rows, probe) = (group, count, probeRowCount)
    source.lend(of: lane.id) { slice in
      for index in 0..<slice.count {
        body(PromptRow(slice, index, group: group, rows: rows, probe: probe))
      }
    }
  }

  /// The number of tokens just read whose queries ``query(_:head:_:)`` lends.
  public var queryCount: Int { signals.tokenCount }

  /// The query of one of the tokens just read, for query head `head` of the group: `headDimension`
  /// elements.
  ///
  /// - Parameters:
  ///   - token: the token's index among those just read, from 0.
  ///   - head: the query head within the group.
  ///   - turned: the form, which the policy declared (``Signal/queries(_:)``).
  @_lifetime(borrow self)
  public func query(_ token: Int, head: Int, _ turned: Turned) -> Span<Float> {
    let all = unsafe turned == .raw ? signals.rawQueries : signals.turnedQueries
    guard let base = unsafe all else { notGiven("queries") }
    precondition(token >= 0 && token < queryCount, "no such token among those just read")
    let width = headDimension
    let first = (token * signals.queryHeads + queryHead(head)) * width
    let values = unsafe UnsafeBufferPointer(start: base + first, count: width)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }

  /// The number of tokens just read whose inputs ``layerInput(_:)`` lends.
  public var layerInputCount: Int { signals.tokenCount }

  /// What the layer's projections read of one of the tokens just read: its hidden state after the
  /// input norm, as many elements as the model is wide. All lanes of a layer have the same. Where a
  /// ``Probe`` is shown, its rows are the tokens just read.
  ///
  /// - Parameter token: the token's index among those just read, from 0.
  @_lifetime(borrow self)
  public func layerInput(_ token: Int) -> Span<Float> {
    guard let base = unsafe signals.layerInputs else { notGiven("layerInput") }
    precondition(token >= 0 && token < layerInputCount, "no such token among those just read")
    let width = signals.inputWidth
    let values = unsafe UnsafeBufferPointer(start: base + token * width, count: width)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }

  /// For each query head of the group, how far the values of some rows move the residual stream.
  ///
  /// - Parameters:
  ///   - rows: row numbers of the lane.
  ///   - norm: how the numbers that a value adds to the residual stream become one.
  /// - Returns: `group` lists with a number for each of `rows`, in their order.
  /// - Complexity: O(group × rows × headDimension × width of the model). Each call computes the
  ///   numbers again: call it once.
  public func valueReach(of rows: [Int], by norm: ReachNorm = .sum) -> [[Float]] {
    guard let source = signals.valueReach else { notGiven("valueReach") }
    return source.reach(of: values(of: rows), in: lane.id, by: norm)
  }

  /// How positions turn the lane's keys; nil if nothing turns them.
  public var rotation: Rotation? { lane.rotation }

  /// The position at which the next token's query will be rotated, if no row is forgotten before.
  /// Under position rule `original` the number of tokens read, else one after the furthest place.
  public var nextPlace: Int {
    lane.rule == .original ? length.tokens : Int(lane.places.max() ?? -1) + 1
  }

  /// Pages of positions that have rows of the lane, if its reader declared a ``PageDigest``. They
  /// ascend, so that the page of the newest row is the last.
  public var pageCount: Int { lane.bounds?.pages.count ?? 0 }

  /// For each query head of the group and each page, a number that no product of the new token's
  /// query with a key of the page exceeds: the sum over the channels of the greater of the query's
  /// products with the page's smallest and greatest element. Products are not scaled.
  ///
  /// - Parameter bounds: becomes `group × pageCount` numbers, by head.
  /// - Complexity: O(group × pages) where the engine has computed them, and then allocates nothing
  ///   if `bounds` has the room; else O(group × pages × headDimension).
  public func pageBounds(into bounds: inout [Float]) {
    guard let base = unsafe signals.turnedQueries else { notGiven("queries") }
    guard let pages = lane.bounds else { notGiven("digest") }
    bounds.removeAll(keepingCapacity: true)
    if let computed = unsafe signals.pageBounds {
      // The engine has computed `group × pageCount` numbers from here on.
      let first = unsafe computed + queryHead(0) * signals.pageStride
      unsafe bounds.append(
        contentsOf: UnsafeBufferPointer(start: first, count: group * pageCount))
      return
    }
    for head in 0..<group {
      // There are `group` queries of `headDimension` elements.
      let query = unsafe UnsafeBufferPointer(
        start: base + queryHead(head) * headDimension, count: headDimension)
      unsafe bounds += pages.products(query)
    }
  }

  /// Per row, the sum of the chunk's probabilities for query head `head` of the group.
  @_lifetime(borrow self)
  public func promptColumnSums(_ head: Int) -> Span<Float> {
    unsafe span(signals.columnSums, row: queryHead(head), "promptColumnSums")
  }

  /// The keys of some rows as floats, row after row, as they are stored: rotated under position
  /// rule `original`, else un-rotated.
  ///
  /// - Parameter rows: row numbers of the lane.
  /// - Returns: `rows.count × headDimension` numbers.
  /// - Complexity: O(rows × headDimension), eight elements at a time.
  public func keys(of rows: [Int]) -> [Float] { lane.vectors(of: rows, isValue: false) }

  /// The values of some rows in the same way as ``keys(of:)``.
  public func values(of rows: [Int]) -> [Float] { lane.vectors(of: rows, isValue: true) }

  /// Lends the keys of some rows, one after the other, as ``keys(of:)`` returns them.
  ///
  /// - Parameters:
  ///   - rows: row numbers of the lane, in the order in which the keys are lent.
  ///   - body: receives the index in `rows` and the key.
  /// - Complexity: O(rows × headDimension); memory for 16 keys.
  public func forEachKey(of rows: [Int], _ body: (Int, Span<Float>) -> Void) {
    forEachVector(of: rows, isValue: false, body)
  }

  /// Lends the keys of some rows, un-rotated or rotated where attention reads them, whatever the
  /// store holds.
  ///
  /// - Complexity: O(rows × headDimension), with a sine and a cosine for each pair of elements of a
  ///   key that has to be turned.
  public func forEachKey(of rows: [Int], _ turned: Turned, _ body: (Int, Span<Float>) -> Void) {
    let (isStored, rotation) = (turned == (lane.rule == .original ? .atPosition : .raw), rotation)
    guard !isStored, let rotation else { return forEachKey(of: rows, body) }
    var turnedKey = [Float](repeating: 0, count: headDimension)
    forEachKey(of: rows) { index, key in
      for element in key.indices { turnedKey[element] = key[element] }
      var span = turnedKey.mutableSpan
      if turned == .raw {
        rotation.turnBack(&span, from: Int(lane.positions[rows[index]]))
      } else {
        rotation.turn(&span, to: Int(lane.places[rows[index]]))
      }
      body(index, turnedKey.span)
    }
  }

  /// Lends the values of some rows in the same way as ``forEachKey(of:_:)``.
  public func forEachValue(of rows: [Int], _ body: (Int, Span<Float>) -> Void) {
    forEachVector(of: rows, isValue: true, body)
  }

  private func forEachVector(of rows: [Int], isValue: Bool, _ body: (Int, Span<Float>) -> Void) {
    let width = headDimension
    for first in stride(from: 0, to: rows.count, by: 16) {
      let some = rows[first..<min(first + 16, rows.count)]
      let floats = lane.vectors(of: some, isValue: isValue)
      let vectors = floats.span
      for index in some.indices {
        let start = (index - first) * width
        body(index, vectors.extracting(start..<start + width))
      }
    }
  }

  private func queryHead(_ head: Int) -> Int {
    precondition(head >= 0 && head < group, "no such query head in the group")
    return lane.id.head * group + head
  }

  @_lifetime(borrow self)
  private func span(_ base: UnsafePointer<Float>?, row: Int, _ signal: String) -> Span<Float> {
    guard let base = unsafe base else { notGiven(signal) }
    // Every query head's signals have room for the longest lane of the signals' layer.
    precondition(lane.count <= signals.stride, "the signals are about another layer")
    let values = unsafe UnsafeBufferPointer(start: base + row * signals.stride, count: lane.count)
    return unsafe _overrideLifetime(values.span, borrowing: self)
  }
}

/// Traps on a mistake in the policy's code: the signals a policy may read depend on its
/// declarations, not on input.
private func notGiven(_ signal: String) -> Never {
  // Not a precondition, whose message an optimised build leaves out.
  fatalError(
    "the signal \(signal) is not declared, or not given at this moment: evict is lent none under scope "
      + "sequence, and none in a decode step under phase beforeStep; read it in prefill or step")
}

/// Computes how far values move the residual stream, when a policy asks for it.
package protocol ValueReachSource: AnyObject {
  /// For each query head of a lane's group and each of some values, which follow one another, the
  /// norm of the value times the head's columns of the output projection.
  func reach(of values: [Float], in lane: LaneID, by norm: ReachNorm) -> [[Float]]
}

/// The addresses of one layer's signals: for each query head `stride` floats, of which the first
/// `count` of the lane are filled.
@safe package struct SignalBuffers {
  /// Floats from one query head's signals to the next head's.
  package var stride = 0
  /// Attention logits of the new token.
  @unsafe package var logits: UnsafePointer<Float>?
  /// Probabilities of the new token.
  @unsafe package var probabilities: UnsafePointer<Float>?
  /// Computes logits of the last queries.
  package var promptRows: (any PromptRowSource)?
  /// How many queries `promptRows` covers.
  package var promptRowCount = 0
  /// How many rows the probe has that `promptRows` covers; 0 for queries of the prompt.
  package var probeRowCount = 0
  /// The positions of the tokens of the prompt that the probe repeats.
  package var repeated = 0..<0
  /// Query heads of the layer.
  package var queryHeads = 0
  /// How many tokens were just read, of which there are queries and layer inputs.
  package var tokenCount = 0
  /// Queries before rotation: `queryCount × queryHeads × headDimension`.
  @unsafe package var rawQueries: UnsafePointer<Float>?
  /// The same queries after rotation.
  @unsafe package var turnedQueries: UnsafePointer<Float>?
  /// Bounds of the pages, if they are computed: from `pageStride` times the number of a lane's first
  /// query head on, `group × pageCount` of them.
  @unsafe package var pageBounds: UnsafePointer<Float>?
  /// See `pageBounds`.
  package var pageStride = 0
  /// Hidden states after the layer's input norm: `tokenCount × inputWidth`.
  @unsafe package var layerInputs: UnsafePointer<Float>?
  /// Elements of a hidden state.
  package var inputWidth = 0
  /// Computes how far values move the residual stream.
  package var valueReach: (any ValueReachSource)?
  /// Sums of the chunk's probabilities.
  @unsafe package var columnSums: UnsafePointer<Float>?

  /// No signal.
  package init() {
    unsafe logits = nil
    unsafe probabilities = nil
    unsafe columnSums = nil
    unsafe rawQueries = nil
    unsafe turnedQueries = nil
    unsafe pageBounds = nil
    unsafe layerInputs = nil
  }
}
