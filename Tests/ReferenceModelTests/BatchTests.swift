import KVPolicyKit
import Policies
import ReferenceModel
import Testing

/// One sequence of a batch: its policy, and the tokens it read before the batch.
private struct Member {
  let policy: PolicyConfiguration
  let prompt: Int
  let steps: Int

  init(_ name: String, _ settings: [String: JSONValue] = [:], prompt: Int, steps: Int = 0) {
    (policy, self.prompt, self.steps) = (PolicyConfiguration(name, settings), prompt, steps)
  }

  /// Phases, position rules, signals and lengths of every kind.
  static let all = [
    Member("full", prompt: 3), Member("full", prompt: 290),
    Member("streamingllm", ["sinks": 2, "recent": 10], prompt: 40, steps: 3),
    Member("h2o", ["heavy": 6, "recent": 6], prompt: 17, steps: 30),
    Member("h2o", ["heavy": 6, "recent": 6, "positions": "compacted"], prompt: 30),
    Member("snapkv", ["capacity": 12, "window": 4], prompt: 25),
    Member("morphkv", ["capacity": 12, "window": 4], prompt: 60, steps: 8),
    Member(
      "morphkv",
      ["capacity": 9, "window": 3, "votes": "exact", "rows": "W", "attendMask": "perQueryHead"],
      prompt: 21),
    Member("tova", ["capacity": 12], prompt: 1, steps: 14),
    Member("random", ["capacity": 12], prompt: 33),
    Member("quest", ["budget": 24, "pageSize": 8, "denseLayers": 1], prompt: 300, steps: 2),
    Member(
      "h2o",
      [
        "heavy": 20, "recent": 20,
        "read": ["kind": "quest", "budget": 8, "pageSize": 4, "gqa": "perQueryHead"],
      ], prompt: 50),
    Member("refreshkv", ["partial": 12, "checkEvery": 3], prompt: 40),
    Member(
      "clusterkv", ["clusters": 5, "budget": 12, "sinks": 2, "denseLayers": 0], prompt: 40, steps: 1
    ),
  ]
}

@Suite("A batch")
struct BatchTests {
  /// How far a batch's logits may differ from those of `decode(_:)`, which may add the products of
  /// a matrix in another order: some hundred roundings of 2⁻²⁴ on logits of about 1, with a margin.
  /// Rows are f32, because a difference in the last bit can move an f16 number by 2⁻¹¹ of its
  /// value.
  private static let tolerance: Float = 1e-4
  private static let rows = StoreConfiguration(format: .f32)
  private static let steps = 12
  private let model: LlamaModel

  init() throws { model = try BatchTests.model(threads: 2) }

  private static func model(_ name: String = "llama", threads: Int) throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/\(name)"), threads: threads)
  }

  private func token(_ member: Int, _ step: Int) -> Int {
    (member * 31 + step * 37 + step / 5 * 11 + 3) % model.configuration.vocabulary
  }

  private func session(
    _ number: Int, of model: LlamaModel, in store: PagedKVStore? = nil
  ) throws -> LlamaSession {
    let member = Member.all[number]
    let policies = try member.policy.makePolicies(.all, shape: model.shape)
    let session = model.makeSession(
      try (store ?? PagedKVStore(shape: model.shape, configuration: BatchTests.rows))
        .makeSequence(policies))
    try session.prefill((0..<member.prompt).map { token(number, $0) }, chunk: 64)
    for step in member.prompt..<member.prompt + member.steps {
      try session.decode(token(number, step))
    }
    return session
  }

  /// The state of a session after a step, for comparison.
  private struct State: Equatable {
    let logits: [Float]
    let kept: [[Int]]
    let statistics: CacheStatistics

    init(_ session: LlamaSession) {
      logits = (0..<session.logits.count).map { session.logits[$0] }
      let shape = session.model.shape
      kept = (0..<shape.lanes).map {
        session.sequence.keptPositions(layer: $0 / shape.keyHeads, head: $0 % shape.keyHeads)
      }
      statistics = session.sequence.statistics
    }
  }

  /// Decodes some members together and returns the state of each after every step.
  private func run(
    _ members: [Int], of name: String = "llama", threads: Int = 2, inOneStore: Bool = true,
    rows: StoreConfiguration = rows
  ) throws -> [Int: [State]] {
    let model = try BatchTests.model(name, threads: threads)
    let store = try PagedKVStore(shape: model.shape, configuration: rows)
    let sessions = try members.map { try session($0, of: model, in: inOneStore ? store : nil) }
    var states: [Int: [State]] = [:]
    for step in 0..<BatchTests.steps {
      try model.decode(members.map { token($0, 400 + step) }, of: sessions)
      for (member, session) in zip(members, sessions) {
        states[member, default: []].append(State(session))
      }
    }
    for session in sessions { #expect(session.sequence.checkInvariants() == nil) }
    return states
  }

  @Test(
    "keeps what each sequence keeps alone, with the same logits but for rounding",
    arguments: ["llama", "qwen2", "qwen3"])
  func alone(_ name: String) throws {
    let model = try BatchTests.model(name, threads: 2)
    let together = try run(Array(Member.all.indices), of: name)
    for member in Member.all.indices {
      let session = try session(member, of: model)
      for step in 0..<BatchTests.steps {
        try session.decode(token(member, 400 + step))
        let (one, other) = (State(session), try #require(together[member]?[step]))
        #expect(one.kept == other.kept, "\(Member.all[member]) step \(step)")
        #expect(one.statistics == other.statistics)
        let distance = zip(one.logits, other.logits).map { abs($0 - $1) }.max() ?? 0
        #expect(distance < BatchTests.tolerance, "\(Member.all[member]) step \(step)")
      }
    }
  }

  @Test("gives each sequence the same bits, whoever is with it, in any order, on any threads")
  func determinism() throws {
    let all = try run(Array(Member.all.indices))
    let reversed = try run(Member.all.indices.reversed(), threads: 1)
    let apart = try run(Array(Member.all.indices), threads: 3, inOneStore: false)
    #expect(reversed == all && apart == all)
    for members in [[0, 1], [6, 3], [3, 7, 2], [9, 8, 5, 4], [1, 6, 0, 2, 5, 8, 3]] {
      for (member, states) in try run(members) { #expect(states == all[member]) }
    }
  }

  @Test("of one sequence is that sequence's own step")
  func single() throws {
    let (one, other) = (try session(3, of: model), try session(3, of: model))
    for step in 0..<BatchTests.steps {
      try model.decode([token(3, step)], of: [one])
      try other.decode(token(3, step))
      #expect(State(one) == State(other))
    }
  }

  @Test("can be left and joined between any two steps, and mixes with prompts and single steps")
  func comingAndGoing() throws {
    let sessions = try (0..<4).map { try session($0, of: model) }
    try model.decode([1, 2, 3], of: Array(sessions[..<3]))
    try sessions[0].decode(4)
    try sessions[1].prefill([5, 6, 7])
    try model.decode([8, 9, 10, 11], of: sessions)
    try model.decode([12, 13], of: [sessions[3], sessions[1]])
    let lengths = zip(sessions, Member.all).map { $0.sequence.length.tokens - $1.prompt - $1.steps }
    #expect(lengths == [3, 6, 2, 2])
    for session in sessions { #expect(session.sequence.checkInvariants() == nil) }
  }

  @Test("of forks shares their pages, and each goes its own way", arguments: [1, 4, 6])
  func forks(_ member: Int) throws {
    let one = try session(member, of: model)
    // Two for each thread, so that threads work on forks that share columns at the same time.
    let forks = [one, one.fork(), one.fork(), one.fork()]
    for step in 0..<BatchTests.steps {
      try model.decode([step, step + 20, step, step + 20], of: forks)
      #expect(one.sequence.store.checkInvariants(forks.map(\.sequence)) == nil)
    }
    let states = forks.map(State.init)
    for number in 0..<2 {
      let (state, twin) = (states[number], states[number + 2])
      #expect(state.logits == twin.logits && state.kept == twin.kept)
    }
    #expect(states[0].logits != states[1].logits)
  }
}
