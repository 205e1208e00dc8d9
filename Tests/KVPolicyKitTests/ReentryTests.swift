import KVPolicyKit
import KVPolicyTesting
import Testing

/// Calls of a sequence in the middle of its own chunk or step.
@Suite("A sequence that is called in the middle of a step")
struct ReentryTests {
  /// An engine whose policy drops the oldest row of every lane when it is asked.
  private func engine(
    scope: Scope = .layer, phase: Phase = .afterOutput
  ) throws -> PlainEngine {
    var policy = Scripted { cache, plan in
      cache.forEachLane { plan.drop($0.rowsByPosition()[0], of: $0.id) }
    }
    policy.scope = scope
    policy.phase = phase
    return try PlainEngine(.random(shape: .small, seed: 4), policy: policy)
  }

  /// Reads and decodes with `body` as the engine's `onPlan`, and expects the results of an engine
  /// without it.
  private func expectUndisturbed(
    scope: Scope = .layer, phase: Phase = .afterOutput,
    _ body: @escaping (PlainEngine, CachePlan) -> Void
  ) throws {
    let (plain, engine) = (
      try engine(scope: scope, phase: phase), try engine(scope: scope, phase: phase)
    )
    engine.sequence.onPlan = { [unowned engine] plan, _ in body(engine, plan) }
    for engine in [plain, engine] {
      try engine.read(9, chunk: 4)
      try engine.step(4)
    }
    engine.sequence.onPlan = nil
    #expect(engine.outputs == plain.outputs && engine.kept == plain.kept)
    #expect(engine.sequence.statistics == plain.sequence.statistics)
    #expect(engine.sequence.store.checkInvariants([engine.sequence]) == nil)
    // The sequence is usable again.
    try engine.edit { $0.drop(0, of: $1) }
    try engine.sequence.reserve(tokens: 1)
  }

  private func expectRefusal(_ body: () throws -> Void) {
    let error = #expect(throws: StoreError.self) { try body() }
    guard case .badRequest(let reason)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("in the middle of a chunk or step"))
  }

  @Test(
    "refuses plans, reservations, steps and prompts",
    arguments: [
      (Scope.layer, Phase.afterOutput), (.sequence, .afterOutput), (.layer, .beforeOutput),
      (.layer, .beforeStep),
    ])
  func refused(_ scope: Scope, _ phase: Phase) throws {
    try expectUndisturbed(scope: scope, phase: phase) { engine, plan in
      expectRefusal { try engine.sequence.apply(plan) }
      expectRefusal { try engine.sequence.apply(CachePlan()) }
      expectRefusal { try engine.sequence.reserve(tokens: 1) }
      expectRefusal { try engine.step() }
      expectRefusal { try engine.read(3) }
    }
  }

  @Test("makes forks that can be looked at, and that refuse to read on")
  func fork() throws {
    try expectUndisturbed { engine, _ in
      let fork = engine.fork()
      #expect(
        fork.sequence.keptPositions(layer: 0, head: 0)
          == engine.sequence.keptPositions(layer: 0, head: 0))
      expectRefusal { try fork.step() }
      expectRefusal { try fork.sequence.reserve(tokens: 1) }
      expectRefusal { try fork.fork().read(2) }
    }
  }

  @Test("leaves other sequences of the store alone, also those that are released there")
  func others() throws {
    let others = try engine()
    try others.read(5)
    var forks = (0..<6).map { _ in others.fork() }
    try expectUndisturbed { _, _ in
      #expect(throws: Never.self) { try forks.last?.step() }
      if !forks.isEmpty { forks.removeLast() }
    }
    #expect(forks.isEmpty)
    #expect(others.sequence.store.checkInvariants([others.sequence]) == nil)
  }

  @Test("lets the observer read, and take itself away")
  func observer() throws {
    var seen = 0
    try expectUndisturbed { engine, _ in
      seen += engine.sequence.statistics.rowsLive + engine.sequence.picture().count
      engine.sequence.onPlan = nil
    }
    #expect(seen > 0)
  }

  @Test("is usable after an error before the step, and keeps an error in its middle")
  func afterErrors() throws {
    let full = try paintedEngine(limitPages: 2)
    try full.read(8)
    #expect(throws: StoreError.self) { try full.step() }
    try full.edit { $0.keep([7], of: $1) }
    try full.step()

    let engine = try PlainEngine(
      .random(shape: .small, seed: 4),
      policy: Scripted { cache, plan in plan.drop(99, of: LaneID(layer: 0, head: 0)) })
    let error = try #require(#expect(throws: StoreError.self) { try engine.read(4) })
    for _ in 0..<2 { #expect(throws: error) { try engine.step() } }
    #expect(throws: error) { try engine.fork().step() }
  }
}
