import KVPolicyKit

extension PlainEngine {
  /// Computes the attention of a chunk and consults the policy. Returns each token's output.
  func attendChunk(
    layer: Int, tokens: Range<Int>, moment: Moment
  ) throws(StoreError) -> [[Float]] {
    let lanes = (0..<source.shape.keyHeads).map { readLane(layer: layer, head: $0) }
    let longest = lanes.map(\.count).max() ?? 0
    var columnSums = SignalRows(count: source.shape.queryHeads, stride: longest)
    var outputs: [[Float]] = []
    for position in tokens {
      var output: [Float] = []
      var sums: [Float] = []
      let queries = self.queries(layer: layer, position: position, lanes: lanes)
      for (head, query) in queries.enumerated() {
        let lane = lanes[head / source.shape.group]
        let logits = logits(of: query, layer: layer, head: head, position: position, lane)
        let probabilities = Plain.softmax(logits)
        columnSums.add(probabilities, to: head)
        sums.append(Plain.logSum(logits))
        let rows = Plain.mix(lane.values, probabilities)
        output += recall(query, layer: layer, head: head, beside: rows, of: logits)
      }
      outputs.append(output)
      remember(RecentQuery(position: position, logSums: sums), layer: layer, inPrompt: true)
    }
    sequence.book(layer: layer, moment: moment)
    guard wants[layer].probe(at: moment) == nil else { return outputs }
    var shown = ShownSignals(stride: longest)
    let signals = sequence.signals(ofLayer: layer, at: moment)
    show(signals, queriesOf: tokens, layer: layer, lanes: lanes, in: &shown)
    if signals.promptColumnSums { shown.columnSums = columnSums.values }
    if signals.keptQueries(inPrompt: true) > 0 {
      shown.promptRows = promptRows(layer: layer, lanes: lanes, stride: longest)
    }
    let plan = try consult(layer: layer, moment: moment, shown)
    apply(plan, layer: layer, moment: moment)
    return outputs
  }

  /// Computes the attention of one new token and consults the policy. Returns the token's output.
  func attendStep(layer: Int, moment: Moment) throws(StoreError) -> [Float] {
    let position = sequence.length.tokens
    let phase = wants[layer].phase
    if phase == .beforeStep {
      let plan = try decide(layer: layer, moment: moment, ShownSignals(stride: 0))
      apply(plan, layer: layer, moment: moment)
    }
    let lanes = (0..<source.shape.keyHeads).map { readLane(layer: layer, head: $0) }
    let longest = lanes.map(\.count).max() ?? 0
    let queries = self.queries(layer: layer, position: position, lanes: lanes)
    try chooseRows(layer: layer, moment: moment, queries)
    revise(layer: layer, position: position, queries, lanes)
    let logits = queries.enumerated().map { head, query in
      let all = self.logits(
        of: query, layer: layer, head: head, position: position, lanes[head / source.shape.group])
      return hideUnread(all, head: head)
    }
    var shown = ShownSignals(stride: longest)
    let signals = sequence.signals(ofLayer: layer, at: moment)
    remember(
      RecentQuery(position: position, logSums: logits.map(Plain.logSum)), layer: layer,
      inPrompt: false)
    show(signals, queriesOf: position..<position + 1, layer: layer, lanes: lanes, in: &shown)
    if signals.recentRows > 0 {
      shown.promptRows = promptRows(layer: layer, lanes: lanes, stride: longest)
    }
    if signals.stepLogits { shown.logits = SignalRows(logits, stride: longest).values }
    if signals.stepProbabilities {
      shown.probabilities = SignalRows(logits.map(Plain.softmax), stride: longest).values
    }
    if phase != .beforeOutput {
      let output = mix(logits, lanes, queries, layer: layer)
      sequence.book(layer: layer, moment: moment)
      guard phase == .afterOutput else {
        observe(layer: layer, moment: moment, shown)
        return output
      }
      let plan = try consult(layer: layer, moment: moment, shown)
      apply(plan, layer: layer, moment: moment)
      return output
    }
    let plan = try consult(layer: layer, moment: moment, shown)
    let output = mix(mask(logits, by: plan, lanes), lanes, queries, layer: layer)
    apply(plan, layer: layer, moment: moment)
    sequence.book(layer: layer, moment: moment)
    return output
  }

  /// Asks the layer's reader what the step reads.
  private func chooseRows(
    layer: Int, moment: Moment, _ queries: [[Float]]
  ) throws(StoreError) {
    var shown = ShownSignals(stride: 0)
    (shown.tokenCount, shown.queryHeads) = (1, source.shape.queryHeads)
    shown.turnedQueries = queries.flatMap { $0 }
    let result = shown.lend { signals -> Result<Void, StoreError> in
      do throws(StoreError) {
        return .success(try sequence.read(layer: layer, moment: moment, signals: signals))
      } catch { return .failure(error) }
    }
    try result.get()
  }

  /// Sets the logits of rows that a query head does not read in this step to −∞.
  private func hideUnread(_ logits: [Float], head: Int) -> [Float] {
    guard let rows = sequence.readRows(list: head / sequence.listGroup) else { return logits }
    let read = Set(rows)
    return logits.enumerated().map { read.contains(Int32($0)) ? $1 : -.infinity }
  }

  private func mix(
    _ logits: [[Float]], _ lanes: [PlainLane], _ queries: [[Float]], layer: Int
  ) -> [Float] {
    logits.enumerated().flatMap { head, row in
      let rows = Plain.mix(lanes[head / source.shape.group].values, Plain.softmax(row))
      return recall(queries[head], layer: layer, head: head, beside: rows, of: row)
    }
  }

  /// One vector per query head, rotated at the token's place in the head's lane: the place of the
  /// token's own row or, if this row was forgotten, one after the furthest place of the earlier
  /// rows.
  private func queries(layer: Int, position: Int, lanes: [PlainLane]) -> [[Float]] {
    (0..<source.shape.queryHeads).map { head in
      let lane = lanes[head / source.shape.group]
      return source.rotate(
        source.query(layer, head, position), at: lane.place(ofQueryAt: position))
    }
  }

  /// Adds the queries and inputs of some tokens and the reach of values to the signals, as far as
  /// the policy declared them.
  private func show(
    _ signals: SignalSet, queriesOf tokens: Range<Int>, layer: Int, lanes: [PlainLane],
    in shown: inout ShownSignals
  ) {
    (shown.tokenCount, shown.queryHeads) = (tokens.count, source.shape.queryHeads)
    if signals.valueReach { shown.valueReach = PlainValueReach(source) }
    for position in tokens {
      if signals.layerInput { shown.layerInputs += source.input(layer, position) }
      if signals.rawQueries {
        for head in 0..<source.shape.queryHeads {
          shown.rawQueries += source.query(layer, head, position)
        }
      }
      if signals.turnedQueries {
        shown.turnedQueries += queries(layer: layer, position: position, lanes: lanes).flatMap {
          $0
        }
      }
    }
  }

  func logits(
    of query: [Float], layer: Int, head: Int, position: Int, _ lane: PlainLane
  ) -> [Float] {
    lane.positions.indices.map { row in
      let key = lane.positions[row]
      if key > position { return -.infinity }
      if let given = source.logit { return given(layer, head, position, key) }
      return Plain.scaledProduct(query, lane.keys[row])
    }
  }

  private func remember(_ query: RecentQuery, layer: Int, inPrompt: Bool) {
    recentQueries[layer].append(query)
    forgetQueries(layer: layer, inPrompt: inPrompt)
  }

  /// Forgets the queries that no policy asks for.
  func forgetQueries(layer: Int, inPrompt: Bool) {
    let room = wants[layer].keptQueries(inPrompt: inPrompt)
    recentQueries[layer].removeFirst(max(0, recentQueries[layer].count - room))
  }

  private func promptRows(layer: Int, lanes: [PlainLane], stride: Int) -> PlainPromptRows {
    let group = source.shape.group
    let recent = recentQueries[layer]
    let rows = lanes.enumerated().map { keyHead, lane in
      recent.map { query in
        let position = query.position
        let queries = self.queries(layer: layer, position: position, lanes: lanes)
        return SignalRows(
          (keyHead * group..<(keyHead + 1) * group).map { head in
            logits(of: queries[head], layer: layer, head: head, position: position, lane)
          }, stride: stride)
      }
    }
    return PlainPromptRows(rows, recent, group: group, stride: stride)
  }

  /// Sets the logits of rows to −∞ that the plan forgets or a query head must not read; rows are
  /// numbered as before the plan.
  private func mask(_ logits: [[Float]], by plan: CachePlan, _ lanes: [PlainLane]) -> [[Float]] {
    let group = source.shape.group
    var readable = logits.indices.map { Set(0..<Int32(lanes[$0 / group].count)) }
    for edit in plan.edits {
      for head in edit.lane.head * group..<(edit.lane.head + 1) * group {
        switch edit {
        case .drop(_, let rows): readable[head].subtract([Int32](plan.rows(rows)))
        case .keep(_, let rows): readable[head].formIntersection([Int32](plan.rows(rows)))
        case .attend, .place: break
        }
      }
    }
    // A head may choose among all rows, including rows that the plan forgets.
    for case .attend(let lane, let head, let rows) in plan.edits {
      readable[lane.head * group + head] = Set([Int32](plan.rows(rows)))
    }
    return logits.enumerated().map { head, row in
      row.enumerated().map { readable[head].contains(Int32($0)) ? $1 : -.infinity }
    }
  }

  func consult(
    layer: Int, moment: Moment, _ shown: ShownSignals
  ) throws(StoreError) -> CachePlan {
    observe(layer: layer, moment: moment, shown)
    return try decide(layer: layer, moment: moment, shown)
  }

  func apply(_ plan: CachePlan, layer: Int, moment: Moment) {
    sequence.apply(plan, layer: layer, moment: moment)
    afterPlan?()
  }

  private func observe(layer: Int, moment: Moment, _ shown: ShownSignals) {
    shown.lend { sequence.observe(layer: layer, moment: moment, signals: $0) }
  }

  private func decide(
    layer: Int, moment: Moment, _ shown: ShownSignals
  ) throws(StoreError) -> CachePlan {
    let decided = shown.lend { signals -> Result<CachePlan, StoreError> in
      do throws(StoreError) {
        return .success(try sequence.decide(layer: layer, moment: moment, signals: signals))
      } catch { return .failure(error) }
    }
    let plan = try decided.get()
    if !plan.isEmpty {
      plans.append(PlannedMoment(moment: moment, layer: layer, plan: plan))
    }
    return plan
  }

  /// A lane's rows as an attention kernel reads them, keys rotated at their places.
  func readLane(layer: Int, head: Int) -> PlainLane {
    let positions = unsafe sequence.withPositions(layer: layer, head: head) {
      unsafe $0.map { Int($0) }
    }
    let places = unsafe sequence.withPlaces(layer: layer, head: head) { unsafe $0.map { Int($0) } }
    let (stored, values) = unsafe sequence.withRows(layer: layer, head: head) {
      (unsafe Plain.vectors($0, value: false), unsafe Plain.vectors($0, value: true))
    }
    guard wants[layer].rule != .original else {
      return PlainLane(positions: positions, places: nil, keys: stored, values: values)
    }
    let keys = zip(stored, places).map { source.rotate($0, at: $1) }
    return PlainLane(positions: positions, places: places, keys: keys, values: values)
  }
}

/// A lane read back from the store.
struct PlainLane {
  let positions: [Int]
  /// The place of each row, at which its key is rotated; nil under rule `original`.
  let places: [Int]?
  let keys: [[Float]]
  let values: [[Float]]
  var count: Int { positions.count }

  /// The place at which to rotate a query whose token is at `position` in the text.
  func place(ofQueryAt position: Int) -> Int {
    guard let places else { return position }
    if let row = positions.firstIndex(of: position) { return places[row] }
    let earlier = positions.indices.filter { positions[$0] < position }
    return (earlier.map { places[$0] }.max() ?? -1) + 1
  }
}
