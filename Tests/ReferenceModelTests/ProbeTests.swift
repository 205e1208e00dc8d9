import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@testable import ReferenceModel

/// Collects the rows that it is shown, and forgets nothing.
private struct Collector: KVCachePolicy {
  static let name = "collector"
  static let summary = "collects the rows that it is shown"
  static let source = "a test"

  /// A query's logits over a lane and the probe, and the logarithm of their sum.
  struct Row: Equatable {
    let logits: [Float]
    let logSum: Float
  }

  var probe: Probe?
  var signals: Set<Signal> = [.promptRows(4)]
  var cadence = Cadence(prompt: .everyChunk, every: 0)
  var positions = PositionRule.original
  var scope = Scope.layer
  /// The rows of each call.
  private(set) var calls: [[Row]] = []
  /// The lengths that the calls saw.
  private(set) var lengths: [Int] = []
  /// The positions that were repeated in the calls.
  private(set) var repeated: [Range<Int>] = []

  init(_ probe: Probe?, atEnd: Bool = false) {
    self.probe = probe
    if atEnd { cadence = .afterPrompt }
  }
  init(_ repetition: PromptRepetition) {
    self.init(.promptAgain(repetition), atEnd: true)
    scope = .sequence
  }
  init(_ settings: inout Settings) throws(PolicyError) { probe = nil }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
  mutating func prefill(_ layer: borrowing LayerView) {
    guard layer.lane(0).promptRowCount > 0 else { return }
    var rows: [Row] = []
    layer.forEachLane { lane in
      lane.forEachPromptRow { row in
        for head in 0..<lane.group {
          let logits = row.logitsWithProbe(head)
          rows.append(
            Row(logits: logits.indices.map { logits[$0] }, logSum: row.logSum(head)))
        }
      }
    }
    calls.append(rows)
    lengths.append(layer.length.tokens)
    repeated.append(layer.lane(0).repeatedPositions)
  }
}

@Suite("A probe") struct ProbeTests {
  private let model: LlamaModel
  private let tokens = (0..<48).map { (token: Int) -> Int in (token * 37 + token / 5 * 11 + 3) % 64
  }

  init() throws {
    model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama"), threads: 2)
  }

  private func session(_ policy: any KVCachePolicy) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    return model.makeSession(
      store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
  }

  private func collector(_ session: LlamaSession) throws -> Collector {
    try #require(session.sequence.policy(ofLayer: 0) as? Collector)
  }

  /// The rows shown of a prompt.
  private func calls(
    _ policy: Collector, _ prompt: [Int], chunk: Int
  ) throws -> [[Collector.Row]] {
    let session = try session(policy)
    try session.prefill(prompt, chunk: chunk)
    return try collector(session).calls
  }

  /// The embeddings of some tokens, as a matrix.
  private func embeddings(_ tokens: [Int]) -> Tensor {
    let hidden = model.configuration.hidden
    var values = [Float](repeating: 0, count: tokens.count * hidden)
    for (index, token) in tokens.enumerated() {
      unsafe values.withUnsafeMutableBufferPointer { values in
        guard let base = values.baseAddress else { return }
        unsafe dequantise(row: token, of: model.weights.embedding, into: base + index * hidden)
      }
    }
    return Tensor(shape: [tokens.count, hidden], values: values)
  }

  private func expectNear(_ some: [Collector.Row], _ others: [Collector.Row]) {
    #expect(some.count == others.count && !some.isEmpty)
    for (one, other) in zip(some, others) {
      #expect(one.logits.count == other.logits.count && abs(one.logSum - other.logSum) < 1e-4)
      for (x, y) in zip(one.logits, other.logits) { #expect(x == y || abs(x - y) < 1e-4) }
    }
  }

  @Test("leaves no trace: logits, rows and memory are those without it, bit for bit")
  func noTrace() throws {
    func run(_ policy: any KVCachePolicy) throws -> ([Float], LlamaSession) {
      let session = try session(policy)
      var seen: [Float] = []
      func show(_ logits: Span<Float>) {
        for index in logits.indices { seen.append(logits[index]) }
      }
      try session.prefill(Array(tokens.prefix(40)), chunk: 12) { show($1) }
      for token in tokens.suffix(8) {
        try session.decode(token)
        show(session.logits)
      }
      return (seen, session)
    }
    let (full, plain) = try run(FullCache([:]))
    #expect(plain.signalCounts.probes == 0)
    let tail = embeddings([3, 5, 7])
    for (policy, probes, rows) in [
      (Collector(.promptTail(5, at: .afterChunk)), 3, 4),
      (Collector(.promptTail(50, at: .trueEnd)), 3, 4),
      (Collector(.embeddings(tail), atEnd: true), 1, 1),
      (Collector(PromptRepetition(opening: [9], chunk: 16)), 3, 3),
    ] {
      let (seen, session) = try run(policy)
      #expect(seen == full)
      #expect(session.sequence.statistics == plain.sequence.statistics)
      #expect(session.sequence.checkInvariants() == nil)
      #expect(session.signalCounts.probes == 3 * probes)
      #expect(session.signalCounts.promptRows == 3 * rows)
    }
  }

  @Test("of the prompt's tail is seen as if the tail followed the chunk")
  func tail() throws {
    let prompt = Array(tokens.prefix(20))
    for place in Probe.Place.allCases {
      let probed = Collector(.promptTail(4, at: place))
      // After sixteen tokens the tail stands where it does in the prompt.
      let shown = try calls(probed, prompt, chunk: 16)
      let reference = try calls(Collector(nil), prompt, chunk: 20)
      // By layer; in the last chunk, the prompt's own queries are shown.
      #expect(shown.count == 6 && reference.count == 3)
      for (call, rows) in shown.enumerated() { expectNear(rows, reference[call % 3]) }
    }
    let early = try calls(Collector(.promptTail(4, at: .afterChunk)), prompt, chunk: 11)
    let moved = Array(prompt.prefix(11) + prompt.suffix(4))
    for (rows, others) in zip(early, try calls(Collector(nil), moved, chunk: 20)) {
      expectNear(rows, others)
    }
    let atEnd = try calls(Collector(.promptTail(4, at: .trueEnd)), prompt, chunk: 11)
    #expect(atEnd[0] != early[0] && atEnd[0].count == early[0].count)
    // A query of the probe does not see the rows of the probe that follow it.
    let last = try #require(early[0].first?.logits.suffix(4))
    #expect(last.map { $0 == -.infinity } == [false, true, true, true])
  }

  @Test("of embeddings is seen as the tokens of these embeddings, when the prompt ends")
  func vectors() throws {
    let (prompt, more) = (Array(tokens.prefix(20)), Array(tokens[20..<24]))
    let policy = Collector(.embeddings(embeddings(more)), atEnd: true)
    let session = try session(policy)
    try session.prefill(prompt, chunk: 9)
    let seen = try collector(session)
    for (rows, others) in zip(seen.calls, try calls(Collector(nil), prompt + more, chunk: 30)) {
      expectNear(rows, others)
    }
    #expect(seen.lengths == [24, 24, 24] && session.sequence.length.tokens == 20)
    // The next prompt is shown the probe again, after its own tokens.
    try session.prefill([1, 2], chunk: 9)
    #expect(try collector(session).lengths.last == 26)
  }

  @Test("of the prompt again is seen as if each part followed the prompt")
  func repetition() throws {
    let prompt = Array(tokens.prefix(20))
    let policy = Collector(
      PromptRepetition(
        opening: [5, 6], continuation: [7], suffix: [8, 9, 10], prefix: 3, overlap: 2, chunk: 9))
    let session = try session(policy)
    try session.prefill(prompt, chunk: 8)
    let seen = try collector(session)
    let parts = [
      [5, 6, 8, 9, 10] + prompt[3..<12], [7] + prompt[10..<12] + [8, 9, 10] + prompt[12..<20],
    ]
    for (part, rows) in parts.enumerated() {
      var plain = Collector(nil)
      plain.signals = [.promptRows(rows.count)]
      let reference = try calls(plain, prompt + rows, chunk: 40)
      // By part, then by layer.
      #expect(seen.calls.count == 6 && reference.count == 3)
      for layer in 0..<3 {
        expectNear(seen.calls[3 * part + layer], reference[layer])
        #expect(seen.lengths[3 * part + layer] == 20 + rows.count)
        #expect(seen.repeated[3 * part + layer] == [3..<12, 12..<20][part])
      }
    }
    // The next prompt is repeated by itself, and its prefix has been read.
    try session.prefill([1, 2], chunk: 8)
    #expect(try collector(session).repeated.suffix(3) == [20..<22, 20..<22, 20..<22])
    // A prompt inside the prefix is not repeated.
    #expect(try calls(policy, [1, 2, 3], chunk: 8).isEmpty)
  }

  @Test("is the same on any number of threads")
  func threads() throws {
    let rows = try [1, 2, 3].map { threads in
      let model = LlamaModel(
        try ModelFiles.open(OracleCase.root + "/models/llama"), threads: threads)
      let store = try PagedKVStore(shape: model.shape)
      let session = model.makeSession(
        store.makeSequence(
          try PolicyAssignment(Collector(.promptTail(5, at: .afterChunk)), shape: model.shape)))
      try session.prefill(tokens, chunk: 16)
      return try collector(session).calls
    }
    #expect(rows[0] == rows[1] && rows[0] == rows[2])
  }

  @Test("that no engine can read is refused when the sequence is made")
  func refused() throws {
    var cases: [(Collector, String)] = [
      (Collector(.promptTail(0, at: .afterChunk)), "a probe of 0 tokens"),
      (Collector(.promptTail(3, at: .afterChunk), atEnd: true), "after each chunk needs"),
      (Collector(.embeddings(embeddings([1]))), #"set "when" to "afterPrompt""#),
      (
        Collector(.embeddings(Tensor(shape: [4], values: [1, 2, 3, 4])), atEnd: true),
        "a matrix of at least one row"
      ),
    ]
    var policy = Collector(.promptTail(3, at: .afterChunk))
    policy.positions = .compacted
    cases.append((policy, "let every layer have original positions"))
    policy.positions = .original
    policy.signals.insert(.promptColumnSums)
    cases.append((policy, "a probe gives prompt rows and no promptColumnSums"))
    for (repetition, message) in [
      (PromptRepetition(chunk: 0), "parts of 0 tokens"),
      (PromptRepetition(prefix: -1, chunk: 4), "a prefix of -1"),
      (PromptRepetition(overlap: -2, chunk: 4), "an overlap of -2"),
      (PromptRepetition(suffix: [3, -4], chunk: 4), "-4 is no token"),
    ] {
      cases.append((Collector(repetition), message))
    }
    cases.append(
      (Collector(.promptAgain(PromptRepetition(chunk: 4)), atEnd: true), "needs scope sequence"))
    for (policy, message) in cases {
      #expect {
        try PolicyAssignment(policy, shape: model.shape)
      } throws: { "\($0)".contains(message) }
    }
    let two = """
      {"policy": "snapkv", "window": 4, "sparsity": 0.5, "when": "everyChunk", "patched": true,
       "layers": {"1": {"window": 5}}}
      """
    #expect {
      try PolicyConfiguration(parsing: two).makePolicies(.all, shape: model.shape)
    } throws: { "\($0)".contains("another layer's policy has another") }
  }

  @Test("of vectors or tokens of another model is refused before the first token")
  func otherModel() throws {
    let vectors = Tensor(shape: [2, 3], values: [1, 2, 3, 4, 5, 6])
    let session = try session(Collector(.embeddings(vectors), atEnd: true))
    #expect {
      try session.prefill([1, 2, 3])
    } throws: { "\($0)".contains("vectors of 3 numbers, and the model's embeddings have 64") }
    #expect(session.sequence.length.tokens == 0)
    let strange = try self.session(Collector(PromptRepetition(continuation: [64], chunk: 9)))
    #expect {
      try strange.prefill([1, 2, 3])
    } throws: { "\($0)".contains("token 64, which the policy reads with the prompt again") }
    #expect(strange.sequence.length.tokens == 0)
  }
}
