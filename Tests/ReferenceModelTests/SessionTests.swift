import KVPolicyKit
import Policies
import Testing

@testable import ReferenceModel

@Suite("A session")
struct SessionTests {
  static let policies = [
    PolicyConfiguration("full"), PolicyConfiguration("streamingllm", ["sinks": 2, "recent": 10]),
    PolicyConfiguration("h2o", ["heavy": 6, "recent": 6]),
    PolicyConfiguration("snapkv", ["capacity": 12, "window": 4]),
    PolicyConfiguration("morphkv", ["capacity": 12, "window": 4]),
    PolicyConfiguration("tova", ["capacity": 12]),
    PolicyConfiguration("random", ["capacity": 12]),
  ]

  private func load() throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"))
  }

  private func copy(_ logits: Span<Float>) -> [Float] { (0..<logits.count).map { logits[$0] } }

  @Test("and its fork go on alike, and apart", arguments: policies)
  func forks(_ policy: PolicyConfiguration) throws {
    let session = try makeSession(try load(), policy)
    try session.prefill(Array(0..<40))
    for token in 40..<45 { try session.decode(token) }
    let fork = session.fork()
    #expect(copy(fork.logits) == copy(session.logits))
    try fork.decode(3)
    try fork.decode(4)
    for token in 45..<50 { try session.decode(token) }

    let alone = try makeSession(try load(), policy)
    try alone.prefill(Array(0..<40))
    for token in 40..<50 { try alone.decode(token) }
    #expect(copy(alone.logits) == copy(session.logits))
    #expect(session.sequence.store.checkInvariants([session.sequence, fork.sequence]) == nil)
  }

  @Test("takes a second prompt after it has spoken", arguments: policies)
  func turns(_ policy: PolicyConfiguration) throws {
    let session = try makeSession(try load(), policy)
    try session.prefill(Array(0..<20))
    for token in 20..<30 { try session.decode(token) }
    try session.prefill(Array(30..<33))
    try session.decode(33)
    #expect(session.sequence.length == LogicalLength(34))
    #expect(session.sequence.checkInvariants() == nil)
  }

  @Test("computes the signals its policy declared and no others", arguments: policies)
  func signals(_ policy: PolicyConfiguration) throws {
    let session = try makeSession(try load(), policy)
    try session.prefill(Array(0..<40), chunk: 16)
    for token in 40..<50 { try session.decode(token) }
    let (layers, steps, chunks) = (3, 10, 3)
    var want = SignalCounts()
    switch policy.main.policy {
    case "h2o":
      want.promptColumnSums = layers * chunks
      want.stepProbabilities = layers * steps
    case "snapkv": want.promptRows = layers
    case "morphkv":
      want.promptRows = layers
      want.stepLogits = layers * steps
    case "tova":
      want.promptRows = layers
      want.stepProbabilities = layers * steps
    default: break
    }
    #expect(session.signalCounts == want)
  }

  @Test("gives the same bits with any number of threads", arguments: policies)
  func threads(_ policy: PolicyConfiguration) throws {
    let files = try ModelFiles.open(OracleCase.root + "/models/llama")
    let all = try [1, 2, 3].map { threads in
      let session = try makeSession(LlamaModel(files, threads: threads), policy)
      try session.prefill(Array(0..<40), chunk: 16)
      for token in 40..<50 { try session.decode(token) }
      return copy(session.logits)
    }
    #expect(all[0] == all[1] && all[0] == all[2])
  }

  @Test("with room for everything computes the bits of full attention", arguments: policies)
  func room(_ policy: PolicyConfiguration) throws {
    let ample: [String: [String: JSONValue]] = [
      "streamingllm": ["recent": 100, "positions": "original"], "h2o": ["heavy": 50, "recent": 50],
    ]
    let settings =
      ample[policy.main.policy] ?? (policy.main.policy == "full" ? [:] : ["capacity": 100])
    let pair = try [PolicyConfiguration("full"), PolicyConfiguration(policy.main.policy, settings)]
      .map { configuration in
        let session = try makeSession(try load(), configuration)
        try session.prefill(Array(0..<40))
        for token in 40..<60 { try session.decode(token) }
        return copy(session.logits)
      }
    #expect(pair[0] == pair[1])
  }

  @Test("that finds the pool full has changed nothing, and goes on when rows are gone")
  func poolFull() throws {
    let model = try load()
    let shape = model.shape
    // 3 layers × 2 heads, f32 rows of 16 elements: 6 lanes of two pages of 16 rows, and no more.
    let limit = 2 * shape.lanes * 2 * 16 * 16 * 4
    let store = try PagedKVStore(
      shape: shape, configuration: StoreConfiguration(format: .f32, limitBytes: limit))
    let policies = try PolicyConfiguration("full").makePolicies(.all, shape: shape)
    let session = model.makeSession(store.makeSequence(policies))
    try session.prefill(Array(0..<32))
    let before = copy(session.logits)
    #expect(throws: StoreError.self) { try session.decode(5) }
    #expect(session.sequence.length.tokens == 32)
    #expect(copy(session.logits) == before)
    var plan = CachePlan()
    for layer in 0..<shape.layers {
      for head in 0..<shape.keyHeads { plan.drop(0..<20, of: LaneID(layer: layer, head: head)) }
    }
    try session.sequence.apply(plan)
    try session.decode(5)
    #expect(session.sequence.keptPositions(layer: 2, head: 1) == Array(20..<33))
  }
}

extension PolicyConfiguration: CustomTestStringConvertible {
  /// The policy's name.
  public var testDescription: String { main.policy }
}
