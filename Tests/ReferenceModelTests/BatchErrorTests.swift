import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@Suite("A batch that cannot decode")
struct BatchErrorTests {
  private let model: LlamaModel

  init() throws {
    model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: 2)
  }

  /// Three sessions in one store of `pages` pages of four rows per lane, after reading the given
  /// numbers of tokens.
  private func sessions(_ lengths: [Int], pages: Int = 1000) throws -> [LlamaSession] {
    let rowBytes = try 2 * RowFormat.f32.rowBytes(headDimension: model.shape.headDimension)
    let store = try PagedKVStore(
      shape: model.shape,
      configuration: StoreConfiguration(
        pageRows: 4, format: .f32, limitBytes: 4 * rowBytes * model.shape.lanes * pages))
    return try lengths.map { length in
      let session = model.makeSession(
        store.makeSequence(try PolicyAssignment(FullCache([:]), shape: model.shape)))
      try session.prefill(Array(0..<length))
      return session
    }
  }

  private func logits(_ session: LlamaSession) -> [Float] {
    (0..<session.logits.count).map { session.logits[$0] }
  }

  /// Expects `error`, and that no session changed.
  private func expect(
    _ error: BatchError, _ tokens: [Int], of sessions: [LlamaSession], on model: LlamaModel? = nil
  ) {
    let before = sessions.map { ($0.sequence.statistics, logits($0)) }
    #expect(throws: error) { try (model ?? self.model).decode(tokens, of: sessions) }
    for (session, (statistics, values)) in zip(sessions, before) {
      #expect(session.sequence.statistics == statistics && logits(session) == values)
      // A session that failed in the middle of a step stays in that state.
      #expect(session.sequence.failure != nil || session.sequence.checkInvariants() == nil)
    }
  }

  @Test("says which session it is about, and leaves all of them as they were")
  func refused() throws {
    let sessions = try sessions([5, 8, 2])
    let twin = model.makeSession(sessions[1].sequence)
    let other = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: 1)
    expect(.counts(tokens: 0, sessions: 0), [], of: [])
    expect(.counts(tokens: 2, sessions: 3), [1, 2], of: sessions)
    expect(.counts(tokens: 1, sessions: 0), [1], of: [])
    expect(
      .sameSequence(session: 2, as: 0), [1, 2, 3], of: [sessions[0], sessions[1], sessions[0]])
    expect(.sameSequence(session: 1, as: 0), [1, 2], of: [twin, sessions[1]])
    expect(.otherModel(session: 0), [1, 2, 3], of: sessions, on: other)
    for token in [-1, model.configuration.vocabulary, .min, .max] {
      let reason = "token \(token) is not in the vocabulary; tokens are 0 to 63"
      expect(.model(session: 2, .request(reason)), [1, 2, token], of: sessions)
    }
    try model.decode([1, 2, 3], of: sessions)
    #expect(sessions.map { $0.sequence.length.tokens } == [6, 9, 3])
  }

  @Test("because the pool is full names the first that does not fit; the others can go on")
  func fullPool() throws {
    // Every session has full pages. Two pages a lane are free: enough for two sequences, but not
    // for the third.
    let sessions = try sessions([4, 8, 12], pages: 8)
    let store = sessions[0].sequence.store
    let lanes = model.shape.lanes
    #expect(store.freePages == 2 * lanes)
    let full = StoreError.poolFull(
      neededPages: lanes, freePages: 0, limitBytes: store.configuration.limitBytes)
    expect(.store(session: 2, full), [1, 2, 3], of: sessions)
    expect(.store(session: 2, full), [1, 2, 3], of: sessions.reversed())
    try model.decode([1, 2], of: Array(sessions[..<2]))
    #expect(store.freePages == 0)

    // Pages that are evicted from one sequence make room for another.
    var plan = CachePlan()
    for layer in 0..<model.shape.layers {
      for head in 0..<model.shape.keyHeads {
        plan.drop(0..<4, of: LaneID(layer: layer, head: head))
      }
    }
    try sessions[1].sequence.apply(plan)
    try model.decode([1, 2, 3], of: sessions)
    #expect(store.checkInvariants(sessions.map(\.sequence)) == nil)
  }

  @Test("a bad plan ends its own sequence, and the others make their step")
  func badPlan() throws {
    let good = try sessions([5, 8])
    let bad = model.makeSession(
      good[0].sequence.store.makeSequence(
        try PolicyAssignment(BadInTheSecondLayer(), shape: model.shape)))
    try bad.prefill([1, 2, 3])
    let undisturbed = good.map { $0.fork() }
    try model.decode([7, 8], of: undisturbed)
    let before = logits(bad)

    let reason = StoreError.badPlan(
      lane: LaneID(layer: 1, head: 0), reason: "it names row \(Int32.max) of 4")
    #expect(throws: BatchError.store(session: 1, reason)) {
      try model.decode([7, 9, 8], of: [good[0], bad, good[1]])
    }
    #expect(logits(bad) == before && bad.sequence.length.tokens == 3)
    for (session, twin) in zip(good, undisturbed) {
      #expect(logits(session) == logits(twin))
      #expect(session.sequence.length == twin.sequence.length)
    }
    // The batch fails again with the error of the bad session, before anything changes in another
    // session.
    expect(.store(session: 0, reason), [9, 7], of: [bad, good[0]])
    try model.decode([1, 2], of: good)
  }

  @Test("tells people what to do")
  func messages() {
    #expect(
      BatchError.sameSequence(session: 3, as: 1).description
        == "sessions 1 and 3 of the batch run on the same sequence, which reads one token at a time; "
        + "leave one out, or fork it")
    #expect(
      BatchError.model(session: 2, .request("no")).description == "session 2 of the batch: no")
  }
}

/// Names a row that does not exist, at every step, in the second layer.
private struct BadInTheSecondLayer: KVCachePolicy {
  static let name = "bad"
  static let summary = "makes a bad plan"
  static let source = "a test"

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard case .step = cache.moment, cache.layers.first == 1 else { return }
    plan.drop(.max, of: LaneID(layer: 1, head: 0))
  }
}
