import KVPolicyKit

/// Watches one run from outside and compares its observations with the store's statistics.
final class RunWatch {
  private let engine: PlainEngine
  private let rowLimit: Int?
  private(set) var report = PolicyReport()
  /// Rows of each lane after the last moment.
  private var counts: [Int]
  /// Rows of the lanes that a plan names, as they were before the plan.
  private var before: [LaneID: [StoredRow]] = [:]
  private var plan = CachePlan()
  /// Watches what is stored as codes; nil without a codec.
  private let codes: CodeWatch?
  private var rowSteps = 0
  private var peakRows = 0
  private var dropped = 0
  private var tokens = 0

  init(_ engine: PlainEngine, rowLimit: Int?) {
    self.engine = engine
    self.rowLimit = rowLimit
    counts = Array(repeating: 0, count: engine.source.shape.lanes)
    codes = engine.sequence.hasCodecs ? CodeWatch(engine) : nil
    engine.sequence.onPlan = { [unowned self] plan, _ in remember(plan) }
    engine.sequence.onCode = { [unowned self] plan, codec in
      // Before rows change: a plan for the whole sequence is carried out just before the codes.
      checkRows()
      codes?.note(plan, codec, &report)
    }
    engine.afterPlan = { [unowned self] in checkRows() }
    engine.afterMoment = { [unowned self] in check($0) }
  }

  private func remember(_ plan: CachePlan) {
    self.plan = plan
    for edit in plan.edits {
      before[edit.lane] = engine.sequence.storedRows(layer: edit.lane.layer, head: edit.lane.head)
    }
  }

  private func check(_ moment: Moment) {
    tokens += moment.tokens
    checkRows()
    report.require(
      engine.sequence.length.tokens == tokens, .truePositions,
      "after \(tokens) tokens the next position is \(engine.sequence.length.tokens)")
    if let broken = engine.sequence.store.checkInvariants([engine.sequence]) {
      report.note(.invariants, "\(moment): \(broken)")
    }
    codes?.check(moment, &report)
    for index in counts.indices { account(lane: index, moment) }
    peakRows = max(peakRows, counts.reduce(0) { $0 + $1 + moment.tokens })
    for index in counts.indices { counts[index] = rows(index) }
    checkStatistics(moment)
  }

  private func rows(_ index: Int) -> Int {
    let heads = engine.source.shape.keyHeads
    return engine.sequence.rowCount(layer: index / heads, head: index % heads)
  }

  /// Checks that every lane the plan named holds exactly the rows that the plan left, unchanged.
  private func checkRows() {
    for (lane, rows) in before {
      var survivors = Set(rows.indices)
      for edit in plan.edits where edit.lane == lane {
        switch edit {
        case .drop(_, let rows): survivors.subtract(plan.numbers(rows))
        case .keep(_, let rows): survivors.formIntersection(plan.numbers(rows))
        case .attend, .place: break
        }
      }
      let expected = Set(survivors.map { withoutPlace(rows[$0]) })
      let found = engine.sequence.storedRows(layer: lane.layer, head: lane.head)
      report.require(
        Set(found.map(withoutPlace)) == expected, .columnsFollowRows,
        "layer \(lane.layer), head \(lane.head): the rows are not those that the plan left")
    }
    before.removeAll()
    plan.removeAll()
  }

  private func withoutPlace(_ row: StoredRow) -> StoredRow {
    var row = row
    row.place = nil
    return row
  }

  /// Books a lane by hand: the rows it held while the outputs of the moment were computed.
  private func account(lane index: Int, _ moment: Moment) {
    let (past, now, new) = (counts[index], rows(index), moment.tokens)
    dropped += past + new - now
    switch moment {
    case .chunk: rowSteps += new * (new + 1) / 2 + new * past
    case .step:
      let phase = engine.sequence.policy(ofLayer: index / engine.source.shape.keyHeads).phase
      rowSteps += phase == .afterOutput ? past + new : now
      guard let rowLimit else { return }
      report.require(
        now <= rowLimit, .rowLimit, "after \(moment) a lane holds \(now) rows, not \(rowLimit)")
    }
  }

  private func checkStatistics(_ moment: Moment) {
    let statistics = engine.sequence.statistics
    let lanes = counts.count
    var wrong: [String] = []
    if statistics.tokens != tokens { wrong.append("tokens") }
    if statistics.rowsLive != counts.reduce(0, +) { wrong.append("rowsLive") }
    if statistics.rowsDropped != dropped { wrong.append("rowsDropped") }
    if statistics.rowsLive + statistics.rowsDropped != tokens * lanes { wrong.append("the sum") }
    if statistics.longestLane != counts.max() { wrong.append("longestLane") }
    if statistics.shortestLane != counts.min() { wrong.append("shortestLane") }
    if statistics.pagesHeld != engine.sequence.store.pagesInUse { wrong.append("pagesHeld") }
    if statistics.pagesReturned != engine.sequence.store.pagesReturned {
      wrong.append("pagesReturned")
    }
    if statistics.residentBytes > statistics.peakResidentBytes { wrong.append("peakResidentBytes") }
    if statistics.policyStateBytes > statistics.residentBytes { wrong.append("policyStateBytes") }
    let full = Double(lanes) * Double(tokens) * Double(tokens + 1) / 2
    if abs(statistics.footprint - Double(rowSteps) / full) > 1e-12 { wrong.append("footprint") }
    let peak = Double(peakRows) / (Double(lanes) * Double(tokens))
    if abs(statistics.peakFootprint - peak) > 1e-12 { wrong.append("peakFootprint") }
    report.require(
      wrong.isEmpty, .statistics,
      "after \(moment), \(wrong.joined(separator: ", ")): \(statistics); counted by hand: "
        + "\(dropped) dropped, \(counts) held, \(rowSteps) row-steps, peak \(peakRows)")
  }
}

extension PolicyReport {
  /// Watches a prompt and its decode steps.
  mutating func checkRun(_ engine: PlainEngine, _ trial: PolicyTrial, rowLimit: Int?) {
    watch(engine, rowLimit: rowLimit) {
      try engine.read(trial.prompt, chunk: trial.chunk)
      try engine.step(trial.steps)
    }
  }

  /// Watches the same number of tokens, some of them in a second prompt. The engine reads it over
  /// the rows that the policy left of the first prompt, in lanes that may differ in length.
  mutating func checkSecondPrompt(_ engine: PlainEngine, _ trial: PolicyTrial, rowLimit: Int?) {
    watch(engine, rowLimit: rowLimit) {
      try engine.read(trial.prompt, chunk: trial.chunk)
      try engine.step(trial.steps / 4)
      if trial.steps > 1 { try engine.read(trial.steps / 2, chunk: trial.chunk) }
      try engine.step(trial.steps - trial.steps / 4 - trial.steps / 2)
    }
  }

  private mutating func watch(_ engine: PlainEngine, rowLimit: Int?, _ run: () throws -> Void) {
    let watch = RunWatch(engine, rowLimit: rowLimit)
    attempt(.validPlans) { _ in try run() }
    for violation in watch.report.violations { note(violation.rule, violation.detail) }
  }
}

extension CachePlan {
  /// The rows of one of the plan's edits.
  func numbers(_ list: RowList) -> [Int] {
    let rows = rows(list)
    return rows.indices.map { Int(rows[$0]) }
  }
}
