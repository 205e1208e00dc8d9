import KVPolicyKit
import KVPolicyTesting
import Testing

/// A policy that breaks one rule.
private struct Mutant: KVCachePolicy {
  enum Fault: String, CaseIterable {
    case none, wrongRow, everyRow, oldestByNumber, remembers, chunkCounter, grows, refusesDefaults
    case badBudget, forgetsAnyway, equalLanes
  }

  static let name = "mutant"
  static let summary = "breaks a rule"
  static let source = "a test"

  /// A shared counter breaks determinism, which is why policies are values.
  final class Counter: @unchecked Sendable {
    // Each counter is used by a single task.
    var value = 0
  }

  let fault: Fault
  private var chunks = 0
  private let counter: Counter

  init(_ fault: Fault, counter: Counter = Counter()) {
    self.fault = fault
    self.counter = counter
  }

  init(_ settings: inout Settings) throws(PolicyError) {
    fault = try settings.choice("fault", default: .none, "what it breaks")
    let budget = try settings.integer("budget", default: 0, atLeast: 0, "rows")
    guard fault != .badBudget || budget == 0 else { throw settings.impossible("no budgets") }
    counter = Counter()
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    let rows = try budget.rows
    return ["budget": .number(Double(rows)), "fault": .string(fault.rawValue)]
  }
  @TaskLocal static var fault = Fault.none

  mutating func prefill(_ layer: borrowing LayerView) { chunks += 1 }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    if fault == .equalLanes { return dropLast(cache, &plan) }
    let ample = fault == .none || fault == .badBudget
    guard !ample, let layer = cache.layers.first else { return }
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: layer, head: head)
      guard lane.count > 12 else { continue }
      let rows = lane.rowsByPosition()
      switch fault {
      case .wrongRow: plan.drop([lane.count], of: lane.id)
      case .everyRow: plan.drop(0..<lane.count, of: lane.id)
      case .oldestByNumber: plan.drop(0, of: lane.id)
      case .remembers:
        counter.value += 1
        plan.drop(rows[counter.value % 7], of: lane.id)
      case .chunkCounter: plan.drop(rows[chunks % 7], of: lane.id)
      case .grows: if lane.length.tokens % 2 == 0 { plan.drop(rows[0], of: lane.id) }
      default: plan.keep(rows.suffix(12), of: lane.id)
      }
    }
  }
}

extension Mutant {
  /// At the end of a prompt, drops the last row, and another row in the second lane. It assumes
  /// that all lanes are as long as the first, which holds only for the first prompt.
  private func dropLast(_ cache: borrowing CacheView, _ plan: inout CachePlan) {
    guard case .chunk = cache.moment, let layer = cache.layers.first else { return }
    let last = cache.lane(layer: layer, head: 0).count - 1
    for head in 0..<cache.shape.keyHeads {
      plan.drop(head == 0 ? [last] : [0, last], of: LaneID(layer: layer, head: head))
    }
  }
}

@Suite("checkPolicy") struct ConformanceKitTests {
  private func broken(_ fault: Mutant.Fault, rowLimit: Int? = nil) -> Set<PolicyRule> {
    let counter = Mutant.Counter()
    let violations = Mutant.$fault.withValue(fault) {
      checkPolicy(rowLimit: rowLimit) { Mutant(fault, counter: counter) }
    }
    return Set(violations.map(\.rule))
  }

  @Test("finds nothing to complain about in a policy that keeps everything")
  func sound() { #expect(broken(.none, rowLimit: 80).isEmpty) }

  @Test("finds plans with rows that do not exist, and plans that leave a lane empty")
  func plans() {
    #expect(broken(.wrongRow).contains(.validPlans))
    #expect(broken(.everyRow).contains(.validPlans))
  }

  @Test("finds a policy that takes lanes to be equally long, which shows in a second prompt")
  func raggedLanes() throws {
    #expect(broken(.equalLanes).contains(.validPlans))
    // Before the second prompt there is no mistake to find.
    let engine = try PlainEngine(
      .random(shape: .small, seed: 1, rotaryBase: 100), policy: Mutant(.equalLanes))
    try engine.read(40, chunk: 16)
    try engine.step(40)
    #expect(throws: StoreError.self) { try engine.read(20) }
  }

  @Test("finds a policy that takes a row's number for its age")
  func rowNumbers() { #expect(broken(.oldestByNumber).contains(.rowNumbers)) }

  @Test("finds state that two policies share")
  func sharedState() { #expect(broken(.remembers).isSuperset(of: [.determinism, .forks])) }

  @Test("finds a policy to which the number of chunks matters")
  func chunks() { #expect(broken(.chunkCounter).contains(.chunks)) }

  @Test("finds a cache that outgrows its stated size")
  func rowLimit() { #expect(broken(.grows, rowLimit: 14).contains(.rowLimit)) }

  @Test("finds budgets whose settings are refused, and budgets that are ignored")
  func budgets() {
    #expect(broken(.badBudget).contains(.settings))
    #expect(broken(.forgetsAnyway).contains(.ampleBudget))
  }

  @Test("lists a rule once, with what was seen")
  func report() {
    let violations = checkPolicy { Mutant(.wrongRow) }
    #expect(violations.count == Set(violations.map(\.rule)).count)
    #expect(violations.first { $0.rule == .validPlans }?.description.contains("names row") == true)
  }
}

/// Reads a signal that it did not declare.
private struct Peeker: KVCachePolicy {
  static let name = "peeker"
  static let summary = "reads what it did not declare"
  static let source = "a test"

  var signals: Set<Signal> = []
  init(signals: Set<Signal>) { self.signals = signals }
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func step(_ layer: borrowing LayerView) {
    let lane = layer.lane(0)
    let row = lane.probabilities(0)
    precondition(row.count == lane.count)
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

@Suite("The plain engine") struct PlainEngineTests {
  @Test("traps a policy that reads a signal it did not declare")
  func undeclared() async throws {
    let engine = try PlainEngine(
      .weights { _, _ in 1 }, policy: Peeker(signals: [.stepProbabilities]))
    try engine.read(3)
    try engine.step()
    await #expect(processExitsWith: .failure) {
      let engine = try PlainEngine(.weights { _, _ in 1 }, policy: Peeker(signals: [.stepLogits]))
      try engine.read(3)
      try engine.step()
    }
  }

  @Test("computes attention: the weights' mean of the values")
  func attention() throws {
    let engine = try PlainEngine(
      .weights { query, key in key == 2 ? 3 : key <= query ? 1 : 0 }, policy: Painter())
    try engine.read(2)
    try engine.step(2)
    // Values are (position, 1): positions 0, 1, 2, 3 with weights 1, 1, 3, 1.
    let expected: [Float] = [0, 0.5, 7.0 / 5, 10.0 / 6]
    #expect(zip(engine.outputs, expected).allSatisfy { abs($0[0] - $1) < 1e-6 })
    #expect(engine.outputs.allSatisfy { abs($0[1] - 1) < 1e-6 })
  }

  @Test("rotates a key so that only the distance to the query counts")
  func rotation() throws {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 8)
    // Key, query and value vectors are equal everywhere, so only places differ.
    func outputs(_ rule: PositionRule, skip: Int) throws -> [Float] {
      let base = SyntheticAttention.random(shape: shape, seed: 2)
      var source = SyntheticAttention(
        shape: shape, rotaryBase: 100, query: { base.query($0, $1, $2 - ($2 >= skip ? skip : 0)) },
        key: { base.key($0, $1, $2 - ($2 >= skip ? skip : 0)) },
        value: { base.value($0, $1, $2 - ($2 >= skip ? skip : 0)) })
      source.rotaryBase = 100
      let engine = try PlainEngine(source, policy: Painter(rule: rule))
      if skip > 0 {
        try engine.read(skip + 1)
        try engine.edit { $0.keep([skip], of: $1) }
        try engine.step(5)
      } else {
        try engine.read(1)
        try engine.step(5)
      }
      return engine.outputs.suffix(5).flatMap { $0 }
    }
    let reference = try outputs(.original, skip: 0)
    for rule in PositionRule.allCases {
      let shifted = try outputs(rule, skip: 40)
      #expect(zip(reference, shifted).allSatisfy { abs($0 - $1) < 1e-4 }, "\(rule)")
    }
  }
}
