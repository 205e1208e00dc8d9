/// The calls of an engine, in the order of a chunk or step.
extension KVSequence {
  /// Makes sure that `tokens` more tokens fit in every lane, so that no later call of the chunk or
  /// step can run out of pages.
  ///
  /// - Throws: `StoreError.poolFull` or `.columnsFull`; the sequence is unchanged and usable, for
  ///   instance after rows were evicted or another sequence was released. `StoreError.badRequest`
  ///   for a negative number of tokens, for more than a sequence can ever read (2³¹ − 1), and in
  ///   the middle of a chunk or step. If an error ended an earlier chunk or step in its middle,
  ///   throws this error again.
  public func reserve(tokens: Int) throws(StoreError) {
    _ = try reserve(tokens: tokens, after: 0)
  }

  /// Makes sure that `tokens` more tokens fit, after other sequences of the store reserved `taken`
  /// pages.
  ///
  /// - Returns: the pages that all these sequences, this one included, may take together.
  package func reserve(tokens: Int, after taken: Int) throws(StoreError) -> Int {
    if let failure { throw failure }
    try checkIsIdle()
    try checkInputWidth()
    // Positions are 32-bit integers, so no sum below overflows.
    guard tokens >= 0, tokens <= Int(Int32.max) - length.tokens else {
      throw .badRequest(
        "\(tokens) tokens cannot follow the \(length.tokens) tokens read; a sequence reads at least 0 "
          + "more, and \(Int32.max) in all")
    }
    let limit = store.configuration.limitBytes
    let needed =
      lanes.reduce(pagesToOverwrite) { $0 + $1.pagesNeeded(for: tokens) } + codePages(for: tokens)
    guard taken + needed <= store.pool.freePages else {
      throw .poolFull(
        neededPages: needed, freePages: max(0, store.pool.freePages - taken), limitBytes: limit)
    }
    let columns = columnBytes(withMore: tokens)
    // `Int.max` stands for a sum that overflows, which no limit allows.
    guard columns < .max, columns <= limit else {
      throw .columnsFull(neededBytes: columns, limitBytes: limit)
    }
    return taken + needed
  }

  /// Throws if a policy's artifact was trained on layer inputs of another width than the engine's.
  private func checkInputWidth() throws(StoreError) {
    for (owner, policy) in declared.enumerated() where !policy.layers.isEmpty {
      guard let width = policy.signals.inputWidth, width != inputWidth else { continue }
      throw .badRequest(
        "\(type(of: policies.policies[owner]).name) reads layer inputs of \(width) numbers, and the model's have "
          + "\(inputWidth.map { "\($0)" } ?? "no width"); was its artifact made for another model?")
    }
  }

  /// Begins a chunk or step, or another time in which only the engine may change the sequence. Ends
  /// with `finish` or `end`.
  package func begin() { isBusy = true }

  /// Ends a time that `begin` began and that is no chunk or step.
  package func end() { isBusy = false }

  /// Throws in the middle of a chunk or step, where only hooks and `onPlan` get to call.
  func checkIsIdle() throws(StoreError) {
    if isBusy { throw KVSequence.isInMiddle }
  }

  static let isInMiddle = StoreError.badRequest(
    "the sequence is in the middle of a chunk or step, where its layers do not agree; call it when "
      + "the engine's call has returned, and not from onPlan or a hook")

  /// Bytes that the columns of all lanes need once each lane has `tokens` more rows; `Int.max` if
  /// the sum overflows.
  private func columnBytes(withMore tokens: Int) -> Int {
    var total = 0
    for lane in lanes where lane.columnRowBytes > 0 {
      // A lane's columns grow and shrink together, so all of them have the first column's stride.
      let room = lane.columnRoom(lane.columns[0].stride, for: lane.count + tokens)
      let (bytes, isTooMany) = lane.columnRowBytes.multipliedReportingOverflow(by: room)
      let (sum, overflows) = total.addingReportingOverflow(bytes)
      guard !isTooMany, !overflows else { return .max }
      total = sum
    }
    return total
  }

  /// Runs a part of a chunk or step; remembers an error, which makes the sequence unusable.
  func keepingFailure<Result>(
    _ body: () throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    do {
      return try body()
    } catch {
      failure = error
      isBusy = false
      throw error
    }
  }

  /// Appends one layer's rows for `tokens` new tokens.
  ///
  /// - Parameters:
  ///   - keys: `tokens × keyHeads × headDimension` floats, rotated if the layer's position rule is
  ///     `original`, else not.
  ///   - values: an array of the same size.
  @unsafe package func append(
    layer: Int, tokens: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>
  ) throws(StoreError) {
    let width = shape.headDimension
    let format = store.configuration.format
    for head in 0..<shape.keyHeads {
      let lane = lane(layer, head)
      let first = lane.count
      let offset = head * width
      let stride = shape.keyHeads * width
      try keepingFailure { () throws(StoreError) in
        try unsafe lane.append(length.tokens..<length.tokens + tokens) { row, key, value in
          let source = offset + (row - first) * stride
          unsafe format.encode(keys + source, count: width, to: key)
          unsafe format.encode(values + source, count: width, to: value)
        }
      }
    }
    measure(layer: layer)
  }

  /// Lends the rows of one lane to an attention kernel.
  @unsafe package func withRows<Result>(
    layer: Int, head: Int, _ body: (LaneRows) -> Result
  ) -> Result {
    unsafe lane(layer, head).withRows(body)
  }

  /// Lends the place of each row of a lane: where its key is rotated. Needs a position rule other
  /// than `original`. `count` values.
  @unsafe package func withPlaces<Result>(
    layer: Int, head: Int, _ body: (UnsafeBufferPointer<Int32>) -> Result
  ) -> Result {
    unsafe lane(layer, head).places.withUnsafeBufferPointer { unsafe body($0) }
  }

  /// The place at which to rotate a query whose token is at `position` in the text. Needs a
  /// position rule other than `original`. The place is the one of the token's own row or, if this
  /// row was forgotten, one after the furthest place of the earlier rows.
  package func place(layer: Int, head: Int, ofQueryAt position: Int) -> Int {
    let lane = lane(layer, head)
    var furthest: Int32 = -1
    for row in 0..<lane.count {
      if lane.positions[row] == position { return Int(lane.places[row]) }
      if lane.positions[row] < position { furthest = max(furthest, lane.places[row]) }
    }
    return Int(furthest) + 1
  }

  /// Whether the rows of a lane are in the order of their positions.
  package func isOrdered(layer: Int, head: Int) -> Bool { lane(layer, head).isOrdered }

  /// Lends the position of each row of a lane. `count` values.
  @unsafe package func withPositions<Result>(
    layer: Int, head: Int, _ body: (UnsafeBufferPointer<Int32>) -> Result
  ) -> Result {
    unsafe lane(layer, head).positions.withUnsafeBufferPointer { unsafe body($0) }
  }

  /// Shows a layer to its policy and then to its reader: `prefill` for a chunk, `step` for a decode
  /// step. Rows of a probe count as read.
  package func observe(layer: Int, moment: Moment, signals: SignalBuffers) {
    let owner = policies.owner[layer]
    let looks = looks(owner, at: moment)
    let hasOthers = policies.readers[owner] != nil || policies.codecs[owner] != nil
    guard looks || hasOthers else { return }
    let after = LogicalLength(length.tokens + moment.tokens + signals.probeRowCount)
    if looks {
      let view = LayerView(
        moment: moment, layer: layer, shape: shape, length: after, lanes: lanes, signals: signals)
      switch moment {
      case .chunk: policies.policies[owner].prefill(view)
      case .step: policies.policies[owner].step(view)
      }
    }
    if policies.readers[owner] != nil {
      let view = LayerView(
        moment: moment, layer: layer, shape: shape, length: after, lanes: lanes, signals: signals,
        firstColumn: declared[owner].ownColumns)
      switch moment {
      case .chunk: policies.readers[owner]?.prefill(view)
      case .step: policies.readers[owner]?.step(view)
      }
    }
    if policies.codecs[owner] != nil {
      observeByCodec(owner, layer: layer, moment: moment, after: after, signals: signals)
    }
    // The first access to a column allocates its memory.
    measure(layer: layer)
  }

  /// Asks the layer's policy what to forget, if the policy is due. The plan is checked and
  /// returned, not carried out; it is empty if there is nothing to do.
  package func decide(
    layer: Int, moment: Moment, signals: SignalBuffers
  ) throws(StoreError) -> CachePlan {
    let owner = policies.owner[layer]
    plan.removeAll()
    guard declared[owner].scope == .layer, isAsked(owner, eachLayer[layer], at: moment) else {
      return plan
    }
    try decide(owner: owner, layers: eachLayer[layer], moment: moment, signals: signals)
    // The policy may have touched a column for the first time, which allocates its memory.
    if plan.isEmpty { measure(layer: layer) }
    return plan
  }

  /// Carries out a checked plan.
  package func apply(_ plan: CachePlan, layer: Int, moment: Moment) {
    guard !plan.isEmpty else { return }
    onPlan?(plan, moment)
    carryOut(plan)
    measure(layer: layer)
  }

  /// Books a layer's rows for the chunk or step whose output has just been computed.
  package func book(layer: Int, moment: Moment) {
    for head in 0..<shape.keyHeads {
      let rows = lane(layer, head).count
      switch moment {
      case .chunk(let tokens, _):
        ledger.bookChunk(tokens: tokens.count, past: rows - tokens.count)
        promptRowSteps += Double(tokens.count) * Double(2 * rows - tokens.count + 1) / 2
      case .step:
        ledger.bookStep(rows: rows)
        bookRead(layer: layer, head: head)
      }
    }
  }

  /// Books what attention read of a lane in a step: rows, per query head; and the bytes of keys and
  /// values, once for each list, and of the bounds that a reader chose by.
  private func bookRead(layer: Int, head: Int) {
    let lane = lane(layer, head)
    let lists = readsPart ? readSets.lists.count / shape.keyHeads : 1
    var (rows, bytes) = (0, readsPart ? lane.bounds?.bytes ?? 0 : 0)
    for list in head * lists..<(head + 1) * lists {
      let count = readCount(layer: layer, list: list)
      rows += count
      bytes +=
        lane.hasCodes
        ? codedBytes(ofList: list, lane) : count * 2 * lane.layout.rowBytes
    }
    readRowSteps += Double(rows) / Double(lists)
    readByteSteps += Double(bytes)
  }

  /// Ends a chunk or step: asks the policies of scope `sequence`, and advances the length.
  package func finish(moment: Moment) throws(StoreError) {
    for owner in declared.indices where declared[owner].scope == .sequence {
      let layers = declared[owner].layers
      guard !layers.isEmpty, isAsked(owner, layers, at: moment) else { continue }
      plan.removeAll()
      try decide(owner: owner, layers: layers, moment: moment, signals: SignalBuffers())
      if !plan.isEmpty { onPlan?(plan, moment) }
      carryOut(plan)
      for layer in layers { measure(layer: layer) }
    }
    try code(moment: moment)
    ledger.advance(tokens: moment.tokens, stored: mostRows.reduce(0, +))
    for index in mostRows.indices { mostRows[index] = lanes[index].count }
    length.tokens += moment.tokens
    notePeak()
    if case .step(let index) = moment {
      steps = index
      residentByteSteps += Double(residentLaneBytes + ownStateBytes)
    }
    isBusy = false
  }

  /// Whether a policy is asked about some layers now.
  private func isAsked(_ owner: Int, _ layers: [Int], at moment: Moment) -> Bool {
    guard isDue(owner, at: moment) else { return false }
    let slack = declared[owner].cadence.slack
    return slack == 0
      || layers.contains { layer in
        (layer * shape.keyHeads..<(layer + 1) * shape.keyHeads).contains {
          lanes[$0].count - rowsAfterCut[$0] >= slack
        }
      }
  }

  private func decide(
    owner: Int, layers: [Int], moment: Moment, signals: SignalBuffers
  ) throws(StoreError) {
    let after = LogicalLength(length.tokens + moment.tokens + signals.probeRowCount)
    let view = CacheView(
      moment: moment, layers: layers, shape: shape, length: after, lanes: lanes, signals: signals,
      cost: declared[owner].cost)
    policies.policies[owner].evict(view, plan: &plan)
    guard !plan.isEmpty else { return }
    try keepingFailure { () throws(StoreError) in
      try check(
        plan, layers: layers, length: after, phase: declared[owner].phase,
        protection: declared[owner].protection)
    }
  }
}

extension Moment {
  /// The number of tokens that the moment reads.
  package var tokens: Int {
    switch self {
    case .chunk(let tokens, _): tokens.count
    case .step: 1
    }
  }
}
