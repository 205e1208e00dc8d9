/// What the queries of one layer read in the step at hand.
///
/// A *list* belongs to a key head, or to a query head if some query head of the layer has rows of
/// its own.
struct ReadSets {
  /// Where each list is among `rows` and `slots`; nil for a list of all rows of its lane. Empty if
  /// the layer reads everything.
  var lists: [Range<Int>?] = []
  /// The row numbers of all lists.
  var rows: [Int32] = []
  /// The slots of the same rows.
  var slots: [Int32] = []
  /// The places of the codes of the same rows' keys, and values; empty without a codec.
  var (keyPlaces, valuePlaces): ([Int32], [Int32]) = ([], [])

  /// Empties the lists, keeping their memory: the layer reads everything.
  mutating func removeAll() {
    lists.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
    slots.removeAll(keepingCapacity: true)
    keyPlaces.removeAll(keepingCapacity: true)
    valuePlaces.removeAll(keepingCapacity: true)
  }

  // A decode step appends the rows of every lane, so room is made once for many numbers.

  /// Appends some consecutive rows.
  mutating func append(_ run: Range<Int>) {
    let start = rows.count
    rows.append(contentsOf: repeatElement(0, count: run.count))
    var target = rows.mutableSpan
    for row in run { target[start + row - run.lowerBound] = Int32(truncatingIfNeeded: row) }
  }

  /// Appends the slots of the rows from index `first` on, which are rows of a lane.
  mutating func appendSlots(of lane: Lane, from first: Int) {
    slots.append(contentsOf: repeatElement(-1, count: rows.count - first))
    let (rows, all) = (rows, lane.slots)
    var target = slots.mutableSpan
    for index in first..<rows.count { target[index] = all[Int(rows[index])] }
  }
}

/// Asking the reader of a layer, and lending the rows that it names.
extension KVSequence {
  /// Asks the reader of a layer, if there is one, what the step's queries read. Until the next call
  /// ``withReadRows(layer:_:)`` lends these rows.
  ///
  /// - Parameter signals: the step's rotated queries.
  /// - Throws: `StoreError.badPlan` for a plan that the lanes contradict, which ends the sequence.
  package func read(layer: Int, moment: Moment, signals: SignalBuffers) throws(StoreError) {
    guard hasReaders else { return }
    let owner = policies.owner[layer]
    readSets.removeAll()
    readPlan.removeAll()
    guard policies.readers[owner] != nil else { return }
    let after = LogicalLength(length.tokens + 1)
    let view = LayerView(
      moment: moment, layer: layer, shape: shape, length: after, lanes: lanes, signals: signals,
      firstColumn: declared[owner].ownColumns)
    policies.readers[owner]?.read(view, plan: &readPlan)
    try keepingFailure { () throws(StoreError) in try resolve(readPlan, layer: layer) }
    onRead?(layer, readPositions(layer: layer))
  }

  /// Whether some rows of a layer are not read in the step at hand.
  package var readsPart: Bool { !readSets.lists.isEmpty }

  /// Query heads that share a list of the step at hand.
  package var listGroup: Int { readSets.lists.count == shape.queryHeads ? 1 : shape.group }

  /// How many rows a list has.
  package func readCount(layer: Int, list: Int) -> Int {
    guard readsPart else { return lane(layer, list).count }
    return readSets.lists[list]?.count ?? lane(ofList: list, layer).count
  }

  /// Lends the rows of every list of a layer to attention kernels, each in the order of the list.
  ///
  /// Each list costs a dozen atomic operations, because the arrays of its lane are retained: so a
  /// step lends a layer's lists once, and not each block of rows.
  @unsafe package func withReadRows<Result>(
    layer: Int, _ body: (UnsafeBufferPointer<LaneRows>) -> Result
  ) -> Result {
    let lists = readsPart ? readSets.lists.count : shape.keyHeads
    return unsafe withUnsafeTemporaryAllocation(of: LaneRows.self, capacity: lists) { memory in
      unsafe lend(layer: layer, from: 0, in: memory, body)
    }
  }

  /// Lends the lists from `list` on, each inside the scope of the list before it.
  @unsafe private func lend<Result>(
    layer: Int, from list: Int, in memory: UnsafeMutableBufferPointer<LaneRows>,
    _ body: (UnsafeBufferPointer<LaneRows>) -> Result
  ) -> Result {
    guard list < memory.count else { return unsafe body(UnsafeBufferPointer(memory)) }
    return unsafe withReadRows(layer: layer, list: list) { rows in
      unsafe memory.initializeElement(at: list, to: rows)
      return unsafe lend(layer: layer, from: list + 1, in: memory, body)
    }
  }

  /// Lends the rows of one list.
  @unsafe private func withReadRows<Result>(
    layer: Int, list: Int, _ body: (LaneRows) -> Result
  ) -> Result {
    guard readsPart else { return unsafe lane(layer, list).withRows(body) }
    return unsafe lane(ofList: list, layer).withRows { all in
      guard let range = readSets.lists[list] else { return unsafe body(all) }
      return unsafe readSets.slots.withUnsafeBufferPointer { slots in
        // A list has at least one row, so there is a base address.
        let rows = unsafe LaneRows(
          count: range.count, slots: slots.baseAddress.unsafelyUnwrapped + range.lowerBound,
          pages: all.pages, pageRows: all.pageRows, headDimension: all.headDimension,
          format: all.format, rowBytes: all.rowBytes, isDense: false)
        return unsafe withCodes(of: lane(ofList: list, layer), range, rows, body)
      }
    }
  }

  /// The row numbers of a list, in its order; nil if the list is all rows of its lane.
  package func readRows(list: Int) -> ArraySlice<Int32>? {
    guard readsPart, let range = readSets.lists[list] else { return nil }
    return readSets.rows[range]
  }

  private func lane(ofList list: Int, _ layer: Int) -> Lane { lane(layer, list / readersPerLane) }

  /// Lists per lane: one, or one for each query head of the group.
  private var readersPerLane: Int { readSets.lists.count / shape.keyHeads }

  /// The positions that each list of the step at hand reads, ascending; nil if the layer reads
  /// everything.
  private func readPositions(layer: Int) -> [[Int]]? {
    guard readsPart else { return nil }
    return readSets.lists.indices.map { list in
      let lane = lane(ofList: list, layer)
      let rows = readSets.lists[list].map { Array(readSets.rows[$0]) }
      return (rows.map { $0.map { lane.positions[Int($0)] } } ?? lane.positions)
        .map { Int($0) }.sorted()
    }
  }

  /// Turns the plan into lists of rows and slots.
  private func resolve(_ plan: ReadPlan, layer: Int) throws(StoreError) {
    guard !plan.isEmpty else { return }
    let isPerHead = plan.lists.contains { $0.head != nil }
    let perLane = isPerHead ? shape.group : 1
    readSets.lists.append(contentsOf: repeatElement(nil, count: shape.keyHeads * perLane))
    for list in plan.lists {
      guard list.lane.layer == layer, (0..<shape.keyHeads).contains(list.lane.head),
        (0..<shape.group).contains(list.head ?? 0)
      else {
        throw .badPlan(lane: list.lane, reason: "the reader was not asked about this lane or head")
      }
      let rows = try resolve(list, of: plan)
      let heads = isPerHead ? list.head.map { $0..<$0 + 1 } ?? 0..<shape.group : 0..<1
      for head in heads {
        let index = list.lane.head * perLane + head
        guard readSets.lists[index] == nil else {
          throw .badPlan(
            lane: list.lane, reason: "it is read by two lists; write one for each query head")
        }
        readSets.lists[index] = rows
      }
    }
  }

  /// Appends the rows of a list, and returns where they are.
  private func resolve(
    _ list: ReadPlan.List, of plan: ReadPlan
  ) throws(StoreError) -> Range<Int> {
    let lane = lane(list.lane.layer, list.lane.head)
    let first = readSets.rows.count
    let numbers = plan.numbers.span.extracting(list.numbers)
    if list.isPages {
      try appendPages(numbers, of: lane)
    } else {
      try check(numbers, of: lane)
      for index in numbers.indices { readSets.rows.append(numbers[index]) }
    }
    guard readSets.rows.count > first else {
      throw .badPlan(lane: lane.id, reason: "no row is read; read at least one")
    }
    readSets.appendSlots(of: lane, from: first)
    if hasCodecs { readSets.appendPlaces(of: lane, from: first) }
    return first..<readSets.rows.count
  }

  /// Appends the rows of some pages of a lane.
  private func appendPages(_ pages: Span<Int32>, of lane: Lane) throws(StoreError) {
    guard let bounds = lane.bounds else {
      throw .badPlan(lane: lane.id, reason: "it reads pages, and the reader declares no digest")
    }
    try check(pages, below: bounds.pages.count, "page", of: lane)
    if lane.isWhole {
      // A page's number is its index, so nothing need be read of the pages.
      for index in pages.indices {
        let first = Int(pages[index]) * bounds.size
        readSets.append(first..<min(first + bounds.size, lane.count))
      }
      return
    }
    if lane.isOrdered {
      for index in pages.indices {
        let page = Int(pages[index])
        let first = lane.row(atOrAfter: bounds.positions(page).lowerBound)
        readSets.append(first..<first + Int(bounds.pages[page].rows))
      }
      return
    }
    // The check has stamped the pages of this list.
    for row in 0..<lane.count {
      let page = bounds.index(of: lane.positions[row] / Int32(clamping: bounds.size))
      if lastMention[page] == listStamp { readSets.rows.append(Int32(row)) }
    }
  }
}

extension Lane {
  /// Whether nothing was forgotten, so that a row's number is its position.
  var isWhole: Bool { isOrdered && count > 0 && Int(positions[count - 1]) == count - 1 }

  /// The first row of an ordered lane whose position is not below another.
  func row(atOrAfter position: Int) -> Int {
    if isWhole { return min(position, count) }
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if positions[middle] < position { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension KVSequence {
  /// Pages of a lane whose bounds are kept for a reader; 0 if it wants none.
  package func boundedPages(layer: Int, head: Int) -> Int {
    lane(layer, head).bounds?.pages.count ?? 0
  }

  /// Lends the numbers that bound the keys of a lane's pages, if its reader wants them: of each
  /// page `headDimension` smallest elements, then `headDimension` greatest ones.
  @unsafe package func withPageBounds(
    layer: Int, head: Int,
    _ body: (_ numbers: UnsafeRawPointer, _ pages: Int, _ format: RowFormat) -> Void
  ) {
    unsafe lane(layer, head).bounds?.withNumbers(body)
  }
}
