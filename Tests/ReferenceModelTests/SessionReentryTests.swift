import KVPolicyKit
import Policies
import ReferenceModel
import Testing

/// Forgets the oldest row of every lane after the prompt and after every step.
private struct OldestFirst: KVCachePolicy {
  static let name = "oldest"
  static let summary = "forgets the oldest"
  static let source = "a test"

  var scope: Scope

  init(scope: Scope) { self.scope = scope }
  init(_ settings: inout Settings) throws(PolicyError) { scope = .layer }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { plan.drop($0.rowsByPosition()[0], of: $0.id) }
  }
}

/// Sessions that are called in the middle of a call.
@Suite("A session that is called in the middle of a call")
struct SessionReentryTests {
  private let model: LlamaModel

  init() throws {
    model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: 2)
  }

  private func session(scope: Scope = .layer) throws -> LlamaSession {
    let policies = try PolicyAssignment(OldestFirst(scope: scope), shape: model.shape)
    return model.makeSession(try PagedKVStore(shape: model.shape).makeSequence(policies))
  }

  private func logits(_ session: LlamaSession) -> [Float] {
    (0..<session.logits.count).map { session.logits[$0] }
  }

  private func expectRefusal(_ body: () throws -> Void) {
    let error = #expect(throws: (any Error).self) { try body() }
    switch error {
    case SessionError.store(.badRequest)?, BatchError.store(_, .badRequest)?,
      StoreError.badRequest?:
      break
    default: Issue.record("\(String(describing: error))")
    }
  }

  @Test(
    "by an observer of plans refuses to read, alone and in a batch",
    arguments: [Scope.layer, .sequence])
  func onPlan(scope: Scope) throws {
    let sessions = try (0..<3).map { _ in try session(scope: scope) }
    let plain = try (0..<3).map { _ in try session(scope: scope) }
    var (calls, isBatch) = (0, false)
    for session in sessions {
      session.sequence.onPlan = { plan, _ in
        calls += 1
        // In a batch, the other sessions are in the middle of the step too.
        let others = isBatch ? sessions : [session]
        for other in others {
          expectRefusal { try other.decode(1) }
          expectRefusal { try other.prefill([1, 2]) }
          expectRefusal { try model.decode([1], of: [other]) }
          expectRefusal { try other.sequence.apply(plan) }
        }
        expectRefusal { try session.fork().decode(1) }
      }
    }
    for session in sessions + plain { try session.prefill([1, 2, 3, 4, 5, 6]) }
    let each = scope == .layer ? model.configuration.layers : 1
    #expect(calls == 3 * each)
    isBatch = true
    for sessions in [sessions, plain] {
      for token in 3..<6 { try model.decode([token, 1, token], of: sessions) }
    }
    for (session, other) in zip(sessions, plain) {
      session.sequence.onPlan = nil
      #expect(logits(session) == logits(other))
      #expect(session.sequence.statistics == other.sequence.statistics)
      #expect(session.sequence.checkInvariants() == nil)
      try session.decode(1)
    }
    #expect(calls == 3 * 4 * each)
  }

  @Test(
    "by an observer of plans can decode with an idle session of the model",
    arguments: [Scope.layer, .sequence])
  func idleSession(scope: Scope) throws {
    let (one, idle, plain) = (try session(scope: scope), try session(), try session())
    for session in [idle, plain] { try session.prefill([1, 2, 3, 4, 5, 6]) }
    var tokens: [Int] = []
    one.sequence.onPlan = { _, _ in
      tokens.append(tokens.count % 7)
      #expect(throws: Never.self) { try idle.decode(tokens[tokens.count - 1]) }
    }
    try one.prefill([1, 2, 3, 4])
    for token in 1..<4 { try one.decode(token) }
    for token in tokens { try plain.decode(token) }
    #expect(tokens.count >= 4 && logits(idle) == logits(plain))
  }

  @Test("by a reader of a prompt's logits refuses to read and to edit")
  func eachToken() throws {
    let (one, other) = (try session(), try session())
    var seen: [Float] = []
    try one.prefill([1, 2, 3, 4, 5, 6], chunk: 4) { _, logits in
      expectRefusal { try one.decode(1) }
      expectRefusal { try one.prefill([1]) }
      expectRefusal { try one.sequence.apply(CachePlan()) }
      seen.append(logits[0])
    }
    var expected: [Float] = []
    try other.prefill([1, 2, 3, 4, 5, 6], chunk: 4) { expected.append($1[0]) }
    #expect(seen == expected && seen.count == 6)
    try one.decode(2)
    try other.decode(2)
    #expect(logits(one) == logits(other))
  }

  @Test("extreme chunks, threads and samplers are served or refused")
  func extremes() throws {
    let session = try session()
    for chunk in [Int.min, -1, 0] {
      #expect(throws: SessionError.self) { try session.prefill([1, 2], chunk: chunk) }
    }
    try session.prefill([1, 2], chunk: .max)
    for token in [Int.min, -1, .max] {
      #expect(throws: SessionError.self) { try session.decode(token) }
    }
    let files = try ModelFiles.open(OracleCase.root + "/models/llama")
    #expect(LlamaModel(files, threads: .min).threads == 1)
    #expect((1...256).contains(LlamaModel(files, threads: .max).threads))
    var sampler = try Sampler(temperature: .leastNonzeroMagnitude, topK: .max, seed: .max)
    let none: [Float] = []
    #expect(sampler.next(none.span) == 0 && Sampler.largest(none.span) == 0)
    for logits in [[1, 2], [.infinity, 1], [.nan, .nan], [-.infinity, -.infinity]] as [[Float]] {
      #expect((0..<2).contains(sampler.next(logits.span)))
    }
  }
}
