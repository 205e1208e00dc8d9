import KVPolicyKit
import KVPolicyTesting
import Testing

/// Declares a protection and edits its first lane as a test says.
private struct Guarded: KVCachePolicy {
  static let name = "guarded"
  static let summary = "protects rows"
  static let source = "a test"

  var protection = Protection(sinks: 2, recent: 3)
  let script: @Sendable (borrowing LaneView, inout CachePlan) -> Void

  init(_ script: @escaping @Sendable (borrowing LaneView, inout CachePlan) -> Void) {
    self.script = script
  }
  init(_ settings: inout Settings) throws(PolicyError) { script = { _, _ in } }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var cadence: Cadence { Cadence(prompt: .never, every: 1) }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let lane = cache.lane(layer: cache.layers[0], head: 0)
    script(lane, &plan)
  }
}

@Suite("A protection") struct ProtectionTests {
  private func step(_ policy: Guarded) throws -> PlainEngine {
    let engine = try PlainEngine(.random(shape: .single, seed: 1), policy: policy)
    try engine.read(9)
    engine.sequence.renumber(layer: 0, head: 0, order: [4, 8, 0, 2, 6, 1, 3, 5, 7])
    try engine.step()
    return engine
  }

  @Test(
    "is of the first positions and of the last read: a policy's plan that forgets one is refused",
    arguments: [0, 1, 7, 8, 9])
  func refused(position: Int) throws {
    for way in 0..<3 {
      let policy = Guarded { lane, plan in
        let row = (0..<lane.count).first { Int(lane.positions[$0]) == position } ?? 0
        let middle = (0..<lane.count).filter { (3...5).contains(lane.positions[$0]) }
        switch way {
        case 0: plan.drop(row, of: lane.id)
        case 1: plan.drop(middle + [row], of: lane.id)
        default: plan.keep((0..<lane.count).filter { $0 != row }, of: lane.id)
        }
      }
      do {
        _ = try step(policy)
        Issue.record("it was carried out")
      } catch let error as StoreError {
        #expect(
          error.description.contains(
            "it forgets position \(position), which the policy's own protection keeps"),
          "\(error)")
      }
    }
  }

  @Test("leaves every other row to the policy", arguments: 2...6)
  func exposed(position: Int) throws {
    let engine = try step(
      Guarded { lane, plan in
        let row = (0..<lane.count).first { Int(lane.positions[$0]) == position } ?? 0
        plan.drop(row, of: lane.id)
      })
    #expect(engine.keptNow == [(0..<10).filter { $0 != position }])
  }

  @Test("does not bind a caller's own plan")
  func callers() throws {
    let engine = try step(Guarded { _, _ in })
    try engine.edit { $0.keep([3], of: $1) }
    #expect(engine.keptNow.map(\.count) == [1])
    // The policy also need not restore rows that the caller forgot.
    try engine.step(3)
    #expect(engine.keptNow.map(\.count) == [4])
  }

  @Test("is what keepBest and keepProtected keep, whatever the scores")
  func kept() throws {
    let best = try step(
      Guarded { lane, plan in
        let scores = (0..<lane.count).map { Float(-lane.positions[$0]) }
        plan.keepBest(
          1, of: lane, by: scores.span, protecting: Protection(sinks: 2, recent: 3))
      })
    #expect(best.keptNow == [[0, 1, 2, 7, 8, 9]])
    let nothing = try step(
      Guarded { lane, plan in
        plan.keepProtected(Protection(sinks: 2, recent: 3), of: lane)
      })
    #expect(nothing.keptNow == [[0, 1, 7, 8, 9]])
  }

  @Test(
    "of more than was read is of everything", arguments: [(0, 50), (50, 0), (6, 6), (.max, .max)])
  func wide(_ numbers: (sinks: Int, recent: Int)) throws {
    let protection = Protection(sinks: numbers.sinks, recent: numbers.recent)
    #expect(protection.exposed(of: LogicalLength(10)).isEmpty)
    var policy = Guarded { lane, plan in
      let scores = [Float](repeating: 1, count: lane.count)
      plan.keepBest(0, of: lane, by: scores.span, protecting: protection)
      plan.keepProtected(protection, of: lane)
    }
    policy.protection = protection
    #expect(try step(policy).keptNow == [Array(0..<10)])
  }

  @Test("by default is of nothing")
  func none() {
    #expect(Protection().exposed(of: LogicalLength(0)).isEmpty)
    #expect(Protection().exposed(of: LogicalLength(7)) == 0..<7)
    #expect(Protection(sinks: 2, recent: 3).exposed(of: LogicalLength(9)) == 2..<6)
  }
}
