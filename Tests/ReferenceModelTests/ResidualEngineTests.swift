import KVPolicyKit
import KVPolicyTesting
import ReferenceModel
import TestSupport
import Testing

@testable import Policies

@Suite("A session with a memory of what is forgotten")
struct ResidualEngineTests {
  private func model(threads: Int = 1) throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: threads)
  }

  private let text = (0..<420).map { ($0 * 37 + $0 / 5 * 11 + 3) % 64 }

  private func makeSession(
    _ model: LlamaModel, _ policy: any KVCachePolicy, format: RowFormat = .f32
  ) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: format))
    return model.makeSession(
      store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
  }

  /// Logits of a prompt's end, of steps, of a second prompt's end, and of steps.
  private func logits(_ session: LlamaSession) throws -> [[Float]] {
    var rows: [[Float]] = []
    func note() {
      let row = session.logits
      rows.append(row.indices.map { row[$0] })
    }
    try session.prefill(Array(text[..<150]), chunk: 40)
    note()
    for token in text[150..<160] {
      try session.decode(token)
      note()
    }
    try session.prefill(Array(text[160..<300]), chunk: 50)
    note()
    for token in text[300..<310] {
      try session.decode(token)
      note()
    }
    return rows
  }

  static let bases: [(String, [String: JSONValue])] = [
    ("streamingllm", ["sinks": 2, "recent": 10, "positions": "original"]),
    ("h2o", ["heavy": 30, "recent": 6]),
    ("snapkv", ["capacity": 16, "window": 4, "when": "everyChunk"]),
    ("morphkv", ["capacity": 16, "window": 4]),
  ]

  @Test("of whole rows computes full attention", arguments: bases)
  func whole(_ name: String, _ settings: [String: JSONValue]) throws {
    let model = try model()
    let policy = try PolicyRegistry.all.make(name, settings, shape: model.shape)
    let session = try makeSession(model, Remembering(policy))
    let full = try logits(makeSession(model, PolicyRegistry.all.make("full")))
    for (ours, theirs) in try zip(logits(session), full) {
      for (one, other) in zip(ours, theirs) { #expect(abs(one - other) < 2e-3) }
    }
    #expect(session.sequence.statistics.rowsDropped > 0)
  }

  private func less(_ model: LlamaModel) throws -> any KVCachePolicy {
    let settings: [String: JSONValue] = [
      "heavy": 8, "recent": 6, "kernels": "residual", "kernelHidden": 16,
    ]
    return try PolicyRegistry.tried(on: model.shape).make("less", settings, shape: model.shape)
  }

  @Test("computes the same bits with one thread and two", arguments: [RowFormat.f32, .f16])
  func threads(format: RowFormat) throws {
    let runs = try [1, 2].map { threads in
      let model = try model(threads: threads)
      return try logits(makeSession(model, less(model), format: format))
    }
    #expect(runs[0] == runs[1])
  }

  @Test("decodes in a batch as alone, and as a fork")
  func batch() throws {
    let model = try model()
    let sessions = try [200, 90].map { length in
      let session = try makeSession(model, less(model))
      try session.prefill(Array(text[..<length]))
      return session
    }
    let alone = sessions.map { $0.fork() }
    for token in text[200..<220] {
      try model.decode([token, token], of: sessions)
      for session in alone { try session.decode(token) }
    }
    for (one, other) in zip(sessions, alone) {
      let (a, b) = (one.logits, other.logits)
      #expect(a.indices.allSatisfy { a[$0] == b[$0] })
    }
  }

  @Test("holds the sums that the published code holds", arguments: OracleCase.named("less-"))
  func sums(_ one: OracleCase) throws {
    let contents = try one.contents()
    let (values, weights) = (try one.tensor("H", contents), try one.tensor("z", contents))
    let session = try ReferenceModelTests.makeSession(
      OracleModels.load(contents), one.configuration(contents))
    let tokens = try #require(contents["tokens"]?.integers)
    let length = try #require(contents["prompt_length"]?.wholeNumber)
    let lane = try #require(contents["lane"]?.integers)
    let features = weights[0].count
    let largest = [values, weights].map { $0.joined().reduce(0) { max($0, abs($1)) } }
    for step in 0...(tokens.count - length) {
      if step == 0 {
        try session.prefill(Array(tokens[..<length]))
      } else {
        try session.decode(tokens[length + step - 1])
      }
      let memory = try #require(
        session.sequence.residual(ofLayer: lane[0]) as? KernelMemory)
      let ours = memory.sums(of: LaneID(layer: lane[0], head: lane[1]))
      let want = values[step * features..<(step + 1) * features].flatMap { $0 }
      for (a, b) in zip(ours.values, want) { #expect(abs(a - b) <= 3e-5 * largest[0]) }
      for (a, b) in zip(ours.weights, weights[step]) {
        #expect(abs(a - b) <= 3e-5 * largest[1])
      }
    }
  }
}
