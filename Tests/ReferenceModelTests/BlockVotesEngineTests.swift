import KVPolicyTesting
import Policies
import Testing

@testable import KVPolicyKit
@testable import ReferenceModel

/// Queries, keys and values that a model computed, after rotation.
private final class Recording: @unchecked Sendable {
  // A recording serves one session, which calls its hooks one after the other.
  weak var session: LlamaSession?
  /// By layer and position: the queries of all heads, concatenated.
  var queries: [[Int: [Float]]] = Array(repeating: [:], count: 8)
  /// By lane and position.
  var keys: [[Int: [Float]]] = Array(repeating: [:], count: 32)
  var values: [[Int: [Float]]] = Array(repeating: [:], count: 32)

  func note(_ layer: borrowing LayerView) {
    guard let session else { return }
    let shape = layer.shape
    let tokenWidth = shape.queryHeads * shape.headDimension
    let new: Range<Int>
    switch layer.moment {
    case .chunk(let tokens, _):
      new = tokens
      let recent = session.recentQueries[layer.layer]
      for (index, position) in recent.positions.enumerated() {
        // The query buffer holds this many queries.
        queries[layer.layer][position] = (0..<tokenWidth).map {
          unsafe recent.base[index * tokenWidth + $0]
        }
      }
    case .step:
      new = layer.length.tokens - 1..<layer.length.tokens
      // The queries of one token, which its step does not change any more.
      queries[layer.layer][new.lowerBound] = (0..<tokenWidth).map {
        unsafe session.scratch.queries.base[$0]
      }
    }
    layer.forEachLane { lane in
      let index = lane.id.layer * shape.keyHeads + lane.id.head
      for row in 0..<lane.count where new.contains(Int(lane.positions[row])) {
        let position = Int(lane.positions[row])
        keys[index][position] = lane.lane.vector(row, value: false)
        values[index][position] = lane.lane.vector(row, value: true)
      }
    }
  }

  /// The recorded attention for the plain engine, whose vectors need no further rotation.
  func source(_ shape: CacheShape) -> SyntheticAttention {
    let (queries, keys, values) = (queries, keys, values)
    let width = shape.headDimension
    return SyntheticAttention(
      shape: shape,
      query: { layer, head, position in
        Array((queries[layer][position] ?? [])[head * width..<(head + 1) * width])
      },
      key: { layer, head, position in keys[layer * shape.keyHeads + head][position] ?? [] },
      value: { layer, head, position in values[layer * shape.keyHeads + head][position] ?? [] })
  }
}

/// MorphKV, whose hooks are recorded.
private struct RecordedMorphKV: KVCachePolicy {
  static let name = "recorded"
  static let summary = "MorphKV, recorded"
  static let source = "a test"

  private var inner: MorphKV
  private let recording: Recording

  init(_ inner: MorphKV, _ recording: Recording) {
    (self.inner, self.recording) = (inner, recording)
  }
  init(_ settings: inout Settings) throws(PolicyError) {
    self.init(try MorphKV(&settings), Recording())
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { inner.signals }
  var cadence: Cadence { inner.cadence }
  var phase: Phase { inner.phase }
  var protection: Protection { inner.protection }
  func columns(for shape: CacheShape) -> [Column] { inner.columns(for: shape) }
  mutating func prefill(_ layer: borrowing LayerView) {
    recording.note(layer)
    inner.prefill(layer)
  }
  mutating func step(_ layer: borrowing LayerView) {
    recording.note(layer)
    inner.step(layer)
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    inner.evict(cache, plan: &plan)
  }
}

@Suite("MorphKV's block votes in the engine") struct BlockVotesEngineTests {
  static let settings: [[String: JSONValue]] = [
    ["capacity": 16], ["capacity": 16, "fusion": "sum"],
    ["capacity": 20, "window": 5, "voters": 24, "block": 5],
    ["capacity": 12, "window": 1, "voters": 70, "block": 1, "fusion": "sum", "sinks": 2],
    ["capacity": 14, "voters": 8, "block": 8, "prunePrompt": "atFirstDecode", "burst": 1.3],
  ]

  private func model(_ name: String, threads: Int = 2) throws -> LlamaModel {
    LlamaModel(try ModelFiles.open(OracleCase.root + "/models/" + name), threads: threads)
  }

  private func session(_ model: LlamaModel, _ policy: any KVCachePolicy) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    return model.makeSession(store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
  }

  private func tokens(_ range: Range<Int>) -> [Int] {
    range.map { (token: Int) -> Int in (token * 37 + token / 5 * 11 + 3) % 64 }
  }

  private func kept(_ session: LlamaSession) -> [[Int]] {
    let shape = session.model.shape
    return (0..<shape.lanes).map {
      session.sequence.keptPositions(layer: $0 / shape.keyHeads, head: $0 % shape.keyHeads)
    }
  }

  @Test(
    "keep what they keep in the plain engine",
    arguments: ["llama", "llama-mha", "mistral", "qwen3"],
    settings)
  func plainEngine(_ name: String, _ settings: [String: JSONValue]) throws {
    let model = try model(name)
    let recording = Recording()
    let session = try session(model, RecordedMorphKV(try MorphKV(settings), recording))
    recording.session = session
    var kept: [[[Int]]] = []
    // Chunks of at most eight, so that the recent queries of even eight voters cover all tokens
    // read.
    for (first, prompt, steps) in [(0, 40, 30), (70, 17, 23)] {
      try session.prefill(tokens(first..<first + prompt), chunk: 8)
      kept.append(self.kept(session))
      for token in tokens(first + prompt..<first + prompt + steps) {
        try session.decode(token)
        kept.append(self.kept(session))
      }
    }
    let engine = try PlainEngine(
      recording.source(model.shape), policy: try MorphKV(settings),
      store: StoreConfiguration(format: .f32))
    var plain: [[[Int]]] = []
    for (prompt, steps) in [(40, 30), (17, 23)] {
      try engine.read(prompt, chunk: 8)
      plain.append(engine.keptNow)
      for _ in 0..<steps {
        try engine.step()
        plain.append(engine.keptNow)
      }
    }
    #expect(plain == kept)
    #expect(session.sequence.statistics.rowsDropped > 0)
  }

  @Test("keep the same of a long prompt in chunks as of a whole one", arguments: settings)
  func chunks(_ settings: [String: JSONValue]) throws {
    let runs = try [300, 128, 37, 1].map { chunk in
      let session = try session(model("llama"), MorphKV(settings))
      try session.prefill(tokens(0..<300), chunk: chunk)
      var kept = [kept(session)]
      for token in tokens(300..<330) {
        try session.decode(token)
        kept.append(self.kept(session))
      }
      return kept
    }
    for run in runs.dropFirst() { #expect(run == runs[0]) }
  }

  @Test("are the same bits on any number of threads", arguments: settings)
  func threads(_ settings: [String: JSONValue]) throws {
    let runs = try [1, 2, 3].map { threads -> ([StoredRow], [Float]) in
      let session = try session(model("llama", threads: threads), MorphKV(settings))
      try session.prefill(tokens(0..<300), chunk: 100)
      for token in tokens(300..<330) { try session.decode(token) }
      let shape = session.model.shape
      let rows = (0..<shape.lanes).flatMap {
        session.sequence.storedRows(layer: $0 / shape.keyHeads, head: $0 % shape.keyHeads)
      }
      return (rows, session.logits.indices.map { session.logits[$0] })
    }
    for run in runs.dropFirst() { #expect(run.0 == runs[0].0 && run.1 == runs[0].1) }
  }
}
