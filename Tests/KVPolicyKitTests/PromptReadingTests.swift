import KVPolicyTesting
import Testing

@testable import KVPolicyKit

/// Notes the moments of its first layer, and forgets nothing.
private struct Diary: KVCachePolicy {
  static let name = "diary"
  static let summary = "notes its moments"
  static let source = "a test"

  let cadence: Cadence
  private(set) var moments: [Moment] = []

  init(_ settings: inout Settings) throws(PolicyError) {
    cadence = try settings.cadence("when", default: "everyChunk", "when to note")
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func prefill(_ layer: borrowing LayerView) {
    if layer.layer == 0 { moments.append(layer.moment) }
  }
  mutating func step(_ layer: borrowing LayerView) {
    if layer.layer == 0 { moments.append(layer.moment) }
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

/// Has a setting that is called as one of every policy.
private struct Chunker: KVCachePolicy {
  static let name = "chunker"
  static let summary = "has chunks of its own"
  static let source = "a test"

  let chunk: Int

  init(_ settings: inout Settings) throws(PolicyError) {
    chunk = try settings.integer("chunk", default: 9, atLeast: 1, "its own chunk")
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

@Suite("How prompts are read") struct PromptReadingTests {
  private let registry = PolicyRegistry([Diary.self, Chunker.self])

  private func engine(_ configuration: String) throws -> PlainEngine {
    let policies = try PolicyConfiguration(parsing: configuration)
      .makePolicies(registry, shape: .small)
    let store = try PagedKVStore(shape: .small, configuration: StoreConfiguration(format: .f32))
    return PlainEngine(.random(shape: .small, seed: 1), sequence: store.makeSequence(policies))
  }

  private func moments(_ engine: PlainEngine) throws -> [Moment] {
    try #require(engine.sequence.policy(ofLayer: 0) as? Diary).moments
  }

  @Test("is a setting of every policy: the least of its chunk and the engine's cuts a prompt")
  func chunk() throws {
    let engine = try engine(#"{"policy": "diary", "chunk": 6}"#)
    try engine.read(15)
    try engine.read(7, chunk: 4)
    #expect(
      try moments(engine) == [
        .chunk(tokens: 0..<6, isLast: false), .chunk(tokens: 6..<12, isLast: false),
        .chunk(tokens: 12..<15, isLast: true), .chunk(tokens: 15..<19, isLast: false),
        .chunk(tokens: 19..<22, isLast: true),
      ])
    let null = try self.engine(#"{"policy": "diary", "chunk": null, "lastPromptToken": "prefill"}"#)
    try null.read(15)
    #expect(try moments(null) == [.chunk(tokens: 0..<15, isLast: true)])
  }

  @Test("may make the last token of each prompt a step, and a prompt of one token that step alone")
  func lastToken() throws {
    let engine = try engine(#"{"policy": "diary", "chunk": 4, "lastPromptToken": "decode"}"#)
    try engine.read(6)
    try engine.read(1)
    try engine.step()
    #expect(
      try moments(engine) == [
        .chunk(tokens: 0..<4, isLast: false), .chunk(tokens: 4..<5, isLast: true),
        .step(index: 1), .step(index: 2), .step(index: 3),
      ])
    #expect(engine.sequence.length.tokens == 8)
  }

  @Test("holds for the whole sequence: some layer says it, and no other layer the contrary")
  func layers() throws {
    let quiet = try engine(
      #"{"policy": "diary", "lastPromptToken": "decode", "layers": {"1": {"policy": "chunker"}}}"#)
    try quiet.read(3)
    #expect(try moments(quiet).last == .step(index: 1))
    #expect {
      try engine(
        #"{"policy": "diary", "lastPromptToken": "decode", "layers": {"1": {"lastPromptToken": "prefill"}}}"#
      )
    } throws: { "\($0)".contains(#"give both "decode" and "prefill" for 'lastPromptToken'"#) }
    #expect {
      try engine(#"{"policy": "diary", "chunk": 6, "layers": {"1": {"chunk": 4}}}"#)
    } throws: { "\($0)".contains("give both the same 'chunk'") }
    let shorter = try engine(
      #"{"policy": "diary", "chunk": 6, "layers": {"1": {"chunk": 4, "when": "afterPrompt"}}}"#)
    try shorter.read(6)
    #expect(try moments(shorter).count == 2)
  }

  @Test(
    "is refused where it says nothing possible",
    arguments: [
      (#""chunk": 0"#, "'chunk' cannot be 0"), (#""chunk": -3"#, "from 1 to 1073741824, or null"),
      (#""chunk": 1e300"#, "'chunk' cannot be"), (#""chunk": "all""#, "'chunk' cannot be"),
      (#""chunk": 2.5"#, "'chunk' cannot be 2.5"), (#""lastPromptToken": 1"#, "cannot be 1"),
      (#""lastPromptToken": "step""#, #"one of "prefill", "decode""#),
      (#""chunks": 4"#, "did you mean 'chunk'?"),
    ])
  func refused(setting: String, fragment: String) {
    #expect {
      try engine(#"{"policy": "diary", \#(setting)}"#)
    } throws: { "\($0)".contains(fragment) }
    #expect(throws: PolicyError.self) {
      try PolicyAssignment(Diary([:]), shape: .small, reading: PromptReading(chunk: 0))
    }
  }

  @Test("is not among a policy's own settings, and leaves those alone")
  func own() throws {
    #expect(PromptReading.settings.map(\.name) == ["chunk", "lastPromptToken"])
    #expect(try registry.settings(of: "diary", ["chunk": 3]).map(\.name) == ["when"])
    #expect(throws: PolicyError.self) { try registry.make("diary", ["chunk": 3]) }
    let chunker = try engine(#"{"policy": "chunker", "chunk": 5}"#).sequence
    #expect((chunker.policy(ofLayer: 0) as? Chunker)?.chunk == 5)
    #expect(chunker.longestChunk == nil)
  }
}
