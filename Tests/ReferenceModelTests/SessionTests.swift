import KVPolicyKit
import Policies
import ReferenceModel
import TestSupport
import Testing

@Suite("A session")
struct SessionTests {
  private let model: LlamaModel

  init() throws {
    model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"))
  }

  private func session(
    _ configuration: PolicyConfiguration, store: StoreConfiguration = StoreConfiguration()
  ) throws -> LlamaSession {
    let policies = try configuration.makePolicies(
      .tried(on: model.shape), shape: model.shape)
    return model.makeSession(
      try PagedKVStore(shape: model.shape, configuration: store).makeSequence(policies))
  }

  /// Tokens without a pattern.
  private func tokens(_ count: Int) -> [Int] {
    (0..<count).map { ($0 * 37 + $0 / 5 * 11 + 3) % model.configuration.vocabulary }
  }

  private func row(_ session: LlamaSession) -> [Float] {
    let logits = session.logits
    return logits.indices.map { logits[$0] }
  }

  private func kept(_ session: LlamaSession) -> [[Int]] {
    (0..<model.shape.lanes).map {
      session.sequence.keptPositions(
        layer: $0 / model.shape.keyHeads, head: $0 % model.shape.keyHeads)
    }
  }

  @Test(
    "reads a prompt of one token, a turn, and another, and decodes ten times what a policy keeps",
    arguments: PolicyVariant.all)
  func turns(_ policy: PolicyVariant) throws {
    let session = try session(policy.configuration)
    let text = tokens(160)
    var read = 0
    for (prompt, steps) in [(1, 5), (2, 20), (30, 80), (1, 21)] {
      try session.prefill(Array(text[read..<read + prompt]), chunk: 7)
      for token in text[read + prompt..<read + prompt + steps] {
        try session.decode(token)
        #expect(session.sequence.statistics.longestLane <= policy.rowLimit ?? .max)
      }
      read += prompt + steps
      #expect(session.sequence.checkInvariants() == nil)
      #expect(session.sequence.length.tokens == read)
    }
    #expect(row(session).allSatisfy { $0.isFinite })
  }

  @Test(
    "forks with its logits, and both go on as one that never forked", arguments: PolicyVariant.all)
  func forks(_ policy: PolicyVariant) throws {
    let (one, text) = (try session(policy.configuration), tokens(60))
    try one.prefill(Array(text[..<20]))
    for token in text[20..<30] { try one.decode(token) }
    let other = one.fork()
    #expect(row(other) == row(one))
    // The sequences take turns, so that each would notice writes of the other.
    for token in text[30..<45] {
      try other.decode((token + 1) % model.configuration.vocabulary)
      try one.decode(token)
    }
    let again = other.fork()
    for (session, shift) in [(one, 0), (again, 1)] {
      let plain = try self.session(policy.configuration)
      try plain.prefill(Array(text[..<20]))
      for token in text[20..<30] { try plain.decode(token) }
      for token in text[30..<45] {
        try plain.decode((token + shift) % model.configuration.vocabulary)
      }
      #expect(row(session) == row(plain))
      #expect(kept(session) == kept(plain))
    }
    #expect(one.sequence.store.checkInvariants([one, other, again].map(\.sequence)) == nil)
  }

  @Test("that meets a full pool goes on after rows were evicted, where it stopped")
  func fullPool() throws {
    let store = StoreConfiguration(pageRows: 4, format: .f32, limitBytes: 1)
    let page =
      2 * store.pageRows * (try store.format.rowBytes(headDimension: model.shape.headDimension))
    var limited = store
    limited.limitBytes = page * model.shape.lanes * 5
    let session = try session(PolicyConfiguration("full"), store: limited)
    let text = tokens(40)
    try session.prefill(Array(text[..<12]))
    var read = 12
    #expect(throws: SessionError.self) {
      while read < text.count {
        try session.decode(text[read])
        read += 1
      }
    }
    #expect(read == 20)
    #expect(session.sequence.length.tokens == read)
    let before = kept(session)
    #expect(throws: SessionError.self) { try session.prefill(Array(text[read..<read + 2])) }
    #expect(kept(session) == before)

    var plan = CachePlan()
    for layer in 0..<model.shape.layers {
      for head in 0..<model.shape.keyHeads {
        plan.drop(2..<10, of: LaneID(layer: layer, head: head))
      }
    }
    try session.sequence.apply(plan)
    try session.decode(text[read])
    #expect(session.sequence.checkInvariants() == nil)
    #expect(kept(session).allSatisfy { $0 == [0, 1] + Array(10...20) })
    #expect(row(session).allSatisfy { $0.isFinite })
  }

  @Test(
    "goes on when its lanes were edited apart, whatever the policy", arguments: PolicyVariant.all)
  func editedApart(_ policy: PolicyVariant) throws {
    let (session, text) = (try session(policy.configuration), tokens(60))
    try session.prefill(Array(text[..<24]))
    for layer in 0..<model.shape.layers {
      var plan = CachePlan()
      let id = LaneID(layer: layer, head: layer % model.shape.keyHeads)
      let rows = session.sequence.rowCount(layer: id.layer, head: id.head)
      plan.drop(0..<rows / 2, of: id)
      try session.sequence.apply(plan)
    }
    for token in text[24..<40] { try session.decode(token) }
    try session.prefill(Array(text[40..<50]))
    for token in text[50...] { try session.decode(token) }
    #expect(session.sequence.checkInvariants() == nil)
    #expect(session.sequence.statistics.longestLane <= policy.rowLimit ?? .max)
  }

  @Test("runs with windows that no text fills, or refuses them before anything is read")
  func absurdWindows() throws {
    let huge: JSONValue = 1_073_741_823
    let text = tokens(20)
    let snapkv = try session(
      PolicyConfiguration("snapkv", ["window": huge, "capacity": 1_073_741_824]))
    try snapkv.prefill(text)
    #expect(kept(snapkv).allSatisfy { $0 == Array(0..<20) })
    // Blocks of voters: a single entry for all voters, or a window without further entries.
    for settings in [
      ["window": huge, "capacity": 1_073_741_824], ["voters": huge, "block": huge],
      ["voters": huge, "block": huge, "fusion": "sum", "capacity": 9],
      ["votersShare": 64, "capacity": 16_777_216, "block": huge],
    ] as [[String: JSONValue]] {
      let blocks = try session(PolicyConfiguration("morphkv", settings))
      try blocks.prefill(text)
      for token in text { try blocks.decode(token) }
      let rows = settings["capacity"] == 9 ? 10 : 40
      #expect(kept(blocks).allSatisfy { $0.count == rows }, "\(settings)")
      #expect(blocks.sequence.statistics.residentBytes < 1 << 20)
    }
  }

  @Test("refuses votes that no memory holds before anything is read, whatever the prompt")
  func absurdVotes() throws {
    let huge: JSONValue = 1_073_741_823
    for settings in [
      ["votes": "exact", "window": huge, "capacity": 1_073_741_824],
      ["voters": huge, "block": 1], ["voters": huge, "block": 1, "fusion": "sum"],
      ["votersShare": 64, "capacity": 16_777_216, "block": 1],
    ] as [[String: JSONValue]] {
      for prompt in [1, 20] {
        let session = try session(PolicyConfiguration("morphkv", settings))
        #expect {
          try session.prefill(tokens(prompt))
        } throws: {
          if case SessionError.store(.columnsFull) = $0 { true } else { false }
        }
        #expect(session.sequence.length.tokens == 0)
        #expect(session.sequence.statistics.residentBytes < 1 << 20)
        #expect(session.sequence.checkInvariants() == nil)
      }
    }
  }

  @Test("whose policy makes a bad plan in a step ends with that error, and stays at it")
  func badPlan() throws {
    let policies = try PolicyAssignment(BadFromTheSecondStep(), shape: model.shape)
    let session = model.makeSession(
      try PagedKVStore(shape: model.shape).makeSequence(policies))
    try session.prefill(tokens(10))
    try session.decode(1)
    let bad = SessionError.store(
      .badPlan(lane: LaneID(layer: 1, head: 0), reason: "it names row \(Int32.max) of 12"))
    for _ in 0..<2 { #expect(throws: bad) { try session.decode(1) } }
    #expect(throws: bad) { try session.prefill([1, 2]) }
    #expect(throws: bad) { try session.fork().decode(1) }
  }
}

/// Names a row that does not exist, from the second step on, in the second layer.
private struct BadFromTheSecondStep: KVCachePolicy {
  static let name = "bad"
  static let summary = "makes a bad plan"
  static let source = "a test"

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard cache.moment == .step(index: 2), let layer = cache.layers.first, layer == 1 else {
      return
    }
    plan.drop(.max, of: LaneID(layer: layer, head: 0))
  }
}
