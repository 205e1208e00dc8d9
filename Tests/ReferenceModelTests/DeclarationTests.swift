import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

/// Declares what a test asks for, and counts its calls.
private struct Declarer: KVCachePolicy {
  static let name = "declarer"
  static let summary = "declares what a test says"
  static let source = "a test"

  var cadence: Cadence
  var signals: Set<Signal>
  private(set) var chunks: [Range<Int>] = []
  private(set) var steps: [Int] = []

  init(_ cadence: Cadence, _ signals: Set<Signal> = []) {
    (self.cadence, self.signals) = (cadence, signals)
  }
  init(_ settings: inout Settings) throws(PolicyError) { self.init(.never) }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func prefill(_ layer: borrowing LayerView) {
    if case .chunk(let tokens, _) = layer.moment, layer.layer == 0 { chunks.append(tokens) }
  }
  mutating func step(_ layer: borrowing LayerView) {
    if case .step(let index) = layer.moment, layer.layer == 0 { steps.append(index) }
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

@Suite("What a policy declared, the engine keeps to") struct DeclarationTests {
  private let model: LlamaModel

  init() throws {
    model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: 2)
  }

  private func run(
    _ policy: any KVCachePolicy, chunk: Int = 16, steps: Int = 10
  ) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let session = model.makeSession(
      store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
    try session.prefill(Array(0..<40), chunk: chunk)
    for token in 40..<40 + steps { try session.decode(token) }
    return session
  }

  private func declarer(_ session: LlamaSession) throws -> Declarer {
    try #require(session.sequence.policy(ofLayer: 0) as? Declarer)
  }

  @Test("takes memory for what is computed, and none for a signal that nobody declared")
  func scratch() throws {
    // An empty buffer already holds a cache line.
    let empty = FloatBuffer().capacity
    let plain = try run(Declarer(.afterPrompt, [.promptRows(4), .stepLogits]))
    #expect(plain.scratch.columnSums.capacity == empty)
    #expect(plain.scratch.probabilities.capacity == empty)
    #expect(plain.scratch.promptRows.allSatisfy { $0.capacity == empty })
    let sums = try run(Declarer(.never, [.promptColumnSums]))
    #expect(sums.scratch.columnSums.capacity >= model.shape.queryHeads * 40)
    #expect(sums.scratch.stepLogits.capacity == empty)
    #expect(sums.scratch.promptRows.allSatisfy { $0.capacity == empty })
    let nothing = try run(Declarer(.never))
    #expect(nothing.scratch.columnSums.capacity == empty)
    #expect(nothing.scratch.stepLogits.capacity == empty)
    #expect(nothing.signalCounts == SignalCounts())
  }

  @Test("cuts prompts to the chunk of the policy, if it is the shorter one")
  func chunks() throws {
    let cadence = Cadence(prompt: .everyChunk, every: 0, chunk: 15)
    #expect(try declarer(run(Declarer(cadence), chunk: 512)).chunks == [0..<15, 15..<30, 30..<40])
    #expect(
      try declarer(run(Declarer(cadence), chunk: 12)).chunks
        == [0..<12, 12..<24, 24..<36, 36..<40])
  }

  @Test("reads the last token of a prompt by a step, if the configuration says so")
  func lastPromptToken() throws {
    func session(_ settings: [String: JSONValue]) throws -> LlamaSession {
      try makeSession(model, PolicyConfiguration("full", settings))
    }
    let (apart, whole) = (try session(["lastPromptToken": "decode"]), try session([:]))
    let tokens = (0..<12).map { $0 * 5 % 64 }
    var (seen, chunks): ([(Int, Float)], Int) = ([], 0)
    try apart.prefill(tokens, chunk: 4, eachToken: { seen.append(($0, $1[0])) }) { chunks += 1 }
    #expect(seen.map(\.0) == Array(0..<12) && seen[11].1 == apart.logits[0] && chunks == 3)
    try whole.prefill(Array(tokens.dropLast()))
    try whole.decode(tokens[11])
    #expect(apart.logits.indices.allSatisfy { apart.logits[$0] == whole.logits[$0] })
    #expect(apart.sequence.steps == 1 && apart.sequence.length.tokens == 12)
    try apart.prefill([3])
    try whole.decode(3)
    #expect(apart.logits.indices.allSatisfy { apart.logits[$0] == whole.logits[$0] })
  }

  @Test("computes nothing at a step at which the policy does not look, and does not call it")
  func looks() throws {
    let signals: Set<Signal> = [
      .stepLogits, .stepProbabilities, .promptRows(3), .promptColumnSums, .recentRows(2),
    ]
    let session = try run(Declarer(Cadence(prompt: .never, every: 4, looks: .whenAsked), signals))
    #expect(try declarer(session).steps == [4, 8])
    var counts = SignalCounts()
    (counts.stepLogits, counts.stepProbabilities) = (2 * 3, 2 * 3)
    // Three chunks; the rows are given when the prompt ends.
    (counts.promptRows, counts.promptColumnSums, counts.recentRows) = (3, 3 * 3, 3 + 2 * 3)
    #expect(session.signalCounts == counts)
    let never = try run(Declarer(Cadence(prompt: .never, every: 0, looks: .whenAsked), signals))
    #expect(try declarer(never).steps.isEmpty)
    (counts.stepLogits, counts.stepProbabilities, counts.recentRows) = (0, 0, 3)
    #expect(never.signalCounts == counts)
    let always = try run(Declarer(Cadence(prompt: .never, every: 4), signals))
    #expect(try declarer(always).steps == Array(1...10))
    (counts.stepLogits, counts.stepProbabilities) = (10 * 3, 10 * 3)
    counts.recentRows = 3 + 10 * 3
    #expect(always.signalCounts == counts)
  }

  @Test("keeps the queries of a prompt only as long as steps ask for them, and counts their bytes")
  func queries() throws {
    let shape = model.shape
    func bytes(_ queries: Int) -> Int {
      2 * queries * shape.layers * shape.queryHeads * (shape.headDimension + 1) * 4
    }
    for (signals, kept) in [
      ([.promptRows(9)], 0), ([.promptRows(9), .recentRows(4)], 4), ([.recentRows(1 << 30)], 50),
    ] as [(Set<Signal>, Int)] {
      let session = try run(Declarer(.never, signals))
      #expect(session.recentQueries.allSatisfy { $0.count == kept })
      #expect(session.sequence.statistics.policyStateBytes == bytes(kept))
      let fork = session.fork()
      try session.decode(3)
      #expect(fork.recentQueries.allSatisfy { $0.positions == Array(50 - kept..<50) })
    }
  }

  @Test("computes the bits of full attention beside a policy that looks now and then")
  func sameBits() throws {
    func logits(_ session: LlamaSession) -> [Float] {
      session.logits.indices.map { session.logits[$0] }
    }
    let full = logits(try run(FullCache([:])))
    let signals: Set<Signal> = [.stepProbabilities, .promptRows(3)]
    for every in [0, 1, 4] {
      let cadence = Cadence(prompt: .atEnd, every: every, looks: .whenAsked)
      #expect(try logits(run(Declarer(cadence, signals))) == full)
    }
  }
}
