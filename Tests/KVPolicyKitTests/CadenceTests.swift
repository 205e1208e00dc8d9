import KVPolicyTesting
import Testing

@testable import KVPolicyKit

/// Cuts its lanes to given sizes when it is called, and records the rows that it received.
private struct Noter: KVCachePolicy {
  static let name = "noter"
  static let summary = "notes when it is asked"
  static let source = "a test"

  var cadence: Cadence
  var scope = Scope.layer
  var signals: Set<Signal> = []
  /// The number of rows to cut each lane to, by layer and head.
  var sizes: [[Int]]
  private(set) var asked: [Moment] = []
  private(set) var stepped: [Int] = []
  private(set) var chunks: [Range<Int>] = []

  init(_ cadence: Cadence, sizes: [[Int]] = [[1000, 1000], [1000, 1000]]) {
    (self.cadence, self.sizes) = (cadence, sizes)
  }
  init(_ settings: inout Settings) throws(PolicyError) {
    (cadence, sizes) = (.never, [])
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  mutating func prefill(_ layer: borrowing LayerView) {
    if case .chunk(let tokens, _) = layer.moment, layer.layer == 0 { chunks.append(tokens) }
  }
  mutating func step(_ layer: borrowing LayerView) {
    if case .step(let index) = layer.moment, layer.layer == 0 { stepped.append(index) }
  }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    if cache.layers.contains(0) { asked.append(cache.moment) }
    cache.forEachLane { lane in
      let size = sizes[lane.id.layer][lane.id.head]
      if lane.count > size { plan.keep(lane.rowsByPosition().suffix(size), of: lane.id) }
    }
  }
}

@Suite("A cadence") struct CadenceTests {
  private func engine(_ policy: Noter) throws -> PlainEngine {
    try PlainEngine(.random(shape: .small, seed: 1), policy: policy)
  }

  private func noter(_ engine: PlainEngine) throws -> Noter {
    try #require(engine.sequence.policy(ofLayer: 0) as? Noter)
  }

  private func steps(_ noter: Noter) -> [Int] {
    noter.asked.compactMap { if case .step(let index) = $0 { index } else { nil } }
  }

  @Test("with slack asks when a lane has so many rows more than after it was last cut")
  func slack() throws {
    let policy = Noter(
      Cadence(prompt: .atEnd, every: 1, slack: 5), sizes: [[10, 10], [10, 10]])
    let engine = try engine(policy)
    try engine.read(20)
    #expect(engine.keptNow.allSatisfy { $0.count == 10 })
    try engine.step(17)
    // Cut at 15 rows, every five steps.
    #expect(try steps(noter(engine)) == [5, 10, 15])
    #expect(engine.keptNow.allSatisfy { $0.count == 12 })
    // A fork continues counting from the state of its origin.
    let fork = engine.fork()
    try fork.step(6)
    #expect(try steps(noter(fork)) == [5, 10, 15, 20])
    try engine.step(3)
    #expect(try steps(noter(engine)) == [5, 10, 15, 20])
  }

  @Test("with slack asks about a short prompt only when it is long enough, by any of its lanes")
  func slackOfLanes() throws {
    let engine = try engine(
      Noter(Cadence(prompt: .atEnd, every: 1, slack: 8), sizes: [[3, 6], [3, 6]]))
    try engine.read(7)
    #expect(try noter(engine).asked.isEmpty)
    try engine.step()
    // There are eight rows, and no lane was ever cut.
    #expect(try steps(noter(engine)) == [1])
    #expect(engine.keptNow.map(\.count) == [3, 6, 3, 6])
    try engine.step(7)
    #expect(try steps(noter(engine)) == [1])
    try engine.step()
    #expect(try steps(noter(engine)) == [1, 9])
    // A cut by the caller counts too.
    try engine.step(2)
    for head in 0..<2 { try engine.edit(head: head) { $0.keep([0], of: $1) } }
    try engine.step(7)
    #expect(try steps(noter(engine)) == [1, 9])
    try engine.step()
    #expect(try steps(noter(engine)) == [1, 9, 19])
  }

  @Test("with slack asks a policy of the whole sequence if one lane of any layer is so long")
  func slackOfSequence() throws {
    var policy = Noter(
      Cadence(prompt: .never, every: 1, slack: 6), sizes: [[5, 5], [5, 5]])
    policy.scope = .sequence
    let engine = try engine(policy)
    try engine.read(4)
    try engine.step(2)
    #expect(try steps(noter(engine)) == [2])
    try engine.step(3)
    try engine.edit(layer: 1, head: 1) { $0.keep([0, 1], of: $1) }
    try engine.step(2)
    // The uncut lanes grew by five and three rows; the cut lane counts from its two rows.
    #expect(try steps(noter(engine)) == [2])
    try engine.step()
    #expect(try steps(noter(engine)) == [2, 8])
  }

  @Test("with slack says yes only when time does, too")
  func slackAndTime() throws {
    let engine = try engine(
      Noter(Cadence(prompt: .never, every: 4, slack: 5), sizes: [[10, 10], [10, 10]]))
    try engine.read(20)
    try engine.step(20)
    // At step 4 the lanes were cut to ten rows. They have four rows more at step 8, and eight more
    // at step 12.
    #expect(try steps(noter(engine)) == [4, 12, 20])
  }

  @Test("cuts prompts to its chunk, and shorter ones of the engine stay")
  func chunk() throws {
    let policy = Noter(Cadence(prompt: .everyChunk, every: 0, chunk: 6))
    let engine = try engine(policy)
    try engine.read(20)
    #expect(try noter(engine).chunks == [0..<6, 6..<12, 12..<18, 18..<20])
    #expect(try noter(engine).asked.count == 4)
    try engine.read(7, chunk: 4)
    #expect(try noter(engine).chunks.suffix(2) == [20..<24, 24..<27])
  }

  private func assignment(_ chunks: [Int?], prompt: Cadence.Prompt) throws -> PolicyAssignment {
    try PolicyAssignment(
      chunks.map { Noter(Cadence(prompt: prompt, every: 0, chunk: $0)) }, readers: [nil, nil],
      codecs: [nil, nil],
      owner: [0, 1], shape: .small, readings: [PromptReading(), PromptReading()])
  }

  @Test("of two policies cuts to the shorter chunk, but both cannot evict after each of their own")
  func twoChunks() throws {
    let shape = CacheShape.small
    for (chunks, prompt) in [
      ([6, 4], Cadence.Prompt.atEnd), ([4, 6], .never), ([nil, 4], .everyChunk),
      ([4, 4], .everyChunk),
    ] as [([Int?], Cadence.Prompt)] {
      let store = try PagedKVStore(shape: shape, configuration: StoreConfiguration(format: .f32))
      let engine = PlainEngine(
        .random(shape: shape, seed: 1),
        sequence: store.makeSequence(try assignment(chunks, prompt: prompt)))
      try engine.read(10)
      #expect(try noter(engine).chunks == [0..<4, 4..<8, 8..<10])
    }
    #expect {
      try assignment([6, 4], prompt: .everyChunk)
    } throws: { error in
      if case PolicyError.impossible("noter", let reason) = error {
        reason.contains("4 tokens") && reason.contains("6; give both the same")
      } else {
        false
      }
    }
  }

  @Test("of tokens read asks where prompt and steps together are a multiple")
  func everyTotal() throws {
    for (offset, expected) in [
      (0, [4, 8, 12]), (1, [3, 7, 11]), (5, [3, 7, 11]), (3, [1, 5, 9]),
    ] {
      let cadence = Cadence(
        prompt: .never, steps: .everyTotal(4, offset: offset), looks: .whenAsked)
      let engine = try engine(Noter(cadence))
      try engine.read(5)
      try engine.step(12)
      #expect(try steps(noter(engine)) == expected)
      #expect(try noter(engine).stepped == expected)
    }
  }

  @Test("of predicted tokens asks at the step after a token of the list was the likeliest")
  func afterPredicted() throws {
    let cadence = Cadence(prompt: .never, steps: .afterPredicted([0, 7]), looks: .whenAsked)
    var source = SyntheticAttention.random(shape: .small, seed: 1)
    source.predicted = { $0 % 3 }
    let engine = try PlainEngine(source, policy: Noter(cadence))
    try engine.read(5)
    try engine.step(4)
    // A fork knows what was likeliest after its origin's last token.
    let fork = engine.fork()
    try engine.step(4)
    try fork.step(4)
    for engine in [engine, fork] {
      #expect(try steps(noter(engine)) == [2, 5, 8])
      #expect(try noter(engine).stepped == [2, 5, 8])
    }
    // Nothing was predicted before the first token.
    let fresh = try PlainEngine(source, policy: Noter(cadence))
    try fresh.step(3)
    #expect(try steps(noter(fresh)) == [])
  }

  @Test("that looks when asked is shown no other step, and no signal of it")
  func looks() throws {
    var cadence = Cadence(prompt: .atEnd, every: 3)
    cadence.looks = .whenAsked
    var policy = Noter(cadence)
    policy.signals = [.stepLogits, .stepProbabilities, .promptRows(2), .promptColumnSums]
    let engine = try engine(policy)
    try engine.read(5)
    try engine.step(10)
    #expect(try noter(engine).stepped == [3, 6, 9])
    #expect(try steps(noter(engine)) == [3, 6, 9])
    #expect(engine.sequence.signals(ofLayer: 0, at: .step(index: 4)) == SignalSet())
    #expect(engine.sequence.signals(ofLayer: 0, at: .step(index: 6)) == SignalSet(policy.signals))
    #expect(
      engine.sequence.signals(ofLayer: 0, at: .chunk(tokens: 0..<3, isLast: false)).promptRows == 0)
    #expect(
      engine.sequence.signals(ofLayer: 0, at: .chunk(tokens: 0..<3, isLast: false)).promptColumnSums
    )
    #expect(
      engine.sequence.signals(ofLayer: 0, at: .chunk(tokens: 0..<3, isLast: true)).promptRows == 2)
  }

  @Test("that always looks is shown every step")
  func always() throws {
    let engine = try engine(Noter(Cadence(prompt: .never, every: 4)))
    try engine.read(5)
    try engine.step(9)
    #expect(try noter(engine).stepped == Array(1...9))
    #expect(try steps(noter(engine)) == [4, 8])
  }
}
