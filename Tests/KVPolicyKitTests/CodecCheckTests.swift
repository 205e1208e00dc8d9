import KVPolicyKit
import Testing

@testable import KVPolicyTesting

/// Codes all rows but the newest four, or breaks a rule.
private struct Miscoder: RowCodec {
  enum Fault: CaseIterable { case none, twice, newestValues, newestKeys, byNumber }

  static let name = "miscoder"
  static let summary = "breaks a rule"
  static let source = "a test"

  let tiers = [
    Tier(
      keys: CodeFormat(bits: 4, group: 4, .ofRow), values: CodeFormat(bits: 3, group: 8, .ofRow))
  ]
  var wholeRows: Int { 4 }
  var fault = Fault.none

  init(_ fault: Fault) { self.fault = fault }
  init(_ settings: inout Settings) throws(PolicyError) {}

  mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      switch fault {
      case .none:
        plan.code(keys: lane.plainKeys().dropLast(4), of: lane.id)
        plan.code(values: lane.plainValues().dropLast(4), of: lane.id)
      case .twice: plan.code(keys: lane.rowsByPosition().prefix(12), of: lane.id)
      case .newestValues: plan.code(values: lane.plainValues(), of: lane.id)
      case .newestKeys: plan.code(keys: lane.plainKeys().suffix(3), of: lane.id)
      case .byNumber: if lane.keyTier(0) == nil { plan.code(keys: [0], of: lane.id) }
      }
    }
  }
}

/// Codes some of the oldest rows, and compares the lists of rows that are no codes with all rows.
private struct OldestFirst: RowCodec {
  static let name = "oldestFirst"
  static let summary = "checks what lanes say of their rows"
  static let source = "a test"

  let tiers = [
    Tier(
      keys: CodeFormat(bits: 8, group: 4, .ofRow, blockRows: 5),
      values: CodeFormat(bits: 2, group: 8, .ofRow, blockRows: 64))
  ]
  var wholeRows: Int { 4 }

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}

  mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let plain = lane.rowsByPosition().filter { lane.keyTier($0) == nil }
      #expect(lane.plainKeys() == plain)
      for limit in [-1, 0, 1, 3, plain.count, plain.count + 2] {
        #expect(lane.plainKeys(oldest: limit) == Array(plain.prefix(max(0, limit))))
      }
      plan.code(keys: lane.plainKeys(oldest: (plain.count - 4) / 2), of: lane.id)
      plan.code(values: lane.plainValues(oldest: lane.plainValueCount - 4), of: lane.id)
    }
  }
}

/// Keeps some of the oldest rows and the newest rows, 24 in all.
private struct Latest: KVCachePolicy {
  static let name = "latest"
  static let summary = "keeps the newest rows"
  static let source = "a test"

  /// Where rows are forgotten behind these, later rows take their numbers.
  var oldest = 0

  init(oldest: Int = 0) { self.oldest = oldest }
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      let rows = lane.rowsByPosition()
      guard rows.count > 24 else { return }
      plan.keep(rows.prefix(oldest) + rows.suffix(24 - oldest), of: lane.id)
    }
  }
}

@Suite("checkPolicy and codecs") struct CodecCheckTests {
  private func broken(_ fault: Miscoder.Fault) -> [PolicyRule] {
    checkPolicy(codec: Miscoder(fault)) { Latest() }.map(\.rule)
  }

  @Test("finds nothing to complain about in a codec that codes old rows once")
  func sound() { #expect(broken(.none).isEmpty) }

  @Test("finds rows that are coded twice, and newest rows that are coded")
  func codes() {
    for fault in [Miscoder.Fault.twice, .newestValues, .newestKeys] {
      #expect(broken(fault).contains(.codesWhatItSays), "\(fault)")
    }
  }

  @Test("finds a codec that takes a row's number for its age")
  func numbers() { #expect(broken(.byNumber).contains(.rowNumbers)) }

  @Test("lanes name their oldest rows that are no codes, whatever the order of their rows")
  func oldest() throws {
    let shape = PolicyTrial().shape
    for oldest in [0, 9] {
      let engine = try PlainEngine(
        .random(shape: shape, seed: 1), policy: Latest(oldest: oldest), codec: OldestFirst())
      try engine.read(40, chunk: 16)
      try engine.step(60)
      #expect(engine.sequence.codedRows(layer: 0, head: 0).keys > 0)
      #expect(engine.sequence.checkInvariants() == nil)
    }
  }

  @Test("a format says which rows of a block are legal", arguments: [0, 65])
  func blockRows(_ rows: Int) {
    let format = CodeFormat(bits: 4, group: 4, .ofRow, blockRows: rows)
    #expect(
      format.problem(width: 8) == "blocks of \(rows) rows are not possible; use 1 to 64")
  }

  @Test("finds rows that are neither what was appended nor its codes", arguments: [0, 1])
  func contents(_ steps: Int) throws {
    let shape = PolicyTrial().shape
    let engine = try PlainEngine(
      .random(shape: shape, seed: 1), policy: Latest(), codec: Miscoder(.none))
    var report = PolicyReport()
    let watch = CodeWatch(engine)
    engine.sequence.onCode = { watch.note($0, $1, &report) }
    try engine.read(20)
    try engine.step(steps)
    watch.check(.step(index: steps), &report)
    #expect(report.violations.isEmpty)
    // A watch that knows nothing of the coded rows, and one that expects another text.
    var strangers: [PolicyReport] = [PolicyReport(), PolicyReport()]
    CodeWatch(engine).check(.step(index: steps), &strangers[0])
    engine.source = .random(shape: shape, seed: 2)
    CodeWatch(engine).check(.step(index: steps), &strangers[1])
    for stranger in strangers { #expect(stranger.violations.map(\.rule) == [.codesWhatItSays]) }
  }
}
