import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

private func triangle(_ n: Int) -> Int { n * (n + 1) / 2 }

/// A StreamingLLM that also forgets between the chunks of a prompt.
private struct ChunkedStreaming: KVCachePolicy {
  static let name = "chunked-streaming"
  static let summary = "StreamingLLM after every chunk"
  static let source = "a test"

  private var inner: StreamingLLM
  init(_ settings: inout Settings) throws(PolicyError) { inner = try StreamingLLM(&settings) }
  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    try StreamingLLM.settings(budget: budget)
  }
  var cadence: Cadence { Cadence(prompt: .everyChunk, every: 1) }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    inner.evict(cache, plan: &plan)
  }
}

@Suite("The measured footprint") struct FootprintTests {
  private func run(
    _ policy: any KVCachePolicy, prompt: Int, chunk: Int = .max, steps: Int, keyHeads: Int = 1
  ) throws -> CacheStatistics {
    let shape = CacheShape(
      layers: 1, keyHeads: keyHeads, queryHeads: keyHeads, headDimension: 2)
    let engine = try PlainEngine(.random(shape: shape, seed: 1), policy: policy)
    engine.remembers = false
    if prompt > 0 { try engine.read(prompt, chunk: chunk) }
    try engine.step(steps)
    return engine.sequence.statistics
  }

  private static let constantSize: [(String, [String: JSONValue], Double, Int)] = [
    ("morphkv", ["capacity": 200], 0.859714, 1000),
    ("morphkv", ["capacity": 200, "prunePrompt": "atFirstDecode"], 0.859714, 1001),
    ("morphkv", ["capacity": 200, "votes": "exact"], 0.859714, 1000),
    (
      "morphkv", ["capacity": 200, "votes": "exact", "prunePrompt": "atFirstDecode"], 0.859714, 1001
    ),
    ("h2o", ["heavy": 100, "recent": 100], 0.859714, 1000),
    ("tova", ["capacity": 200], 0.859714, 1000),
    ("streamingllm", ["sinks": 4, "recent": 196], 0.859714, 1000),
    ("random", ["capacity": 200], 0.859714, 1000),
    ("snapkv", ["capacity": 200], 0.867889, 1000),
    ("full", [:], 1, 1100),
  ]

  @Test(
    "of 1000 and 100 tokens is the closed form of each policy", arguments: constantSize.indices)
  func closedForms(index: Int) throws {
    let (name, settings, footprint, peak) = Self.constantSize[index]
    let policy = try PolicyRegistry.all.make(name, settings)
    let statistics = try run(policy, prompt: 1000, chunk: 300, steps: 100)
    let decoded: Int
    switch name {
    case "full": decoded = 100 * 1000 + triangle(100)
    case "snapkv": decoded = 100 * 200 + triangle(100)
    default: decoded = 100 * 201
    }
    #expect(
      statistics.footprint == Double(triangle(1000) + decoded) / Double(triangle(1100)))
    #expect((statistics.footprint * 1e6).rounded() / 1e6 == footprint)
    #expect(statistics.peakFootprint == Double(peak) / 1100)
    #expect(statistics.rowsLive + statistics.rowsDropped == 1100)
  }

  @Test("of two heads is that of one: both lanes weigh the same")
  func twoHeads() throws {
    let policy = try MorphKV(["capacity": 20, "window": 4])
    let one = try run(policy, prompt: 100, steps: 50)
    let two = try run(policy, prompt: 100, steps: 50, keyHeads: 2)
    #expect(one.footprint == two.footprint && one.peakFootprint == two.peakFootprint)
    #expect(two.rowsLive == 2 * one.rowsLive)
  }

  @Test("of a short prompt and a long answer is where a constant size pays")
  func longAnswer() throws {
    let statistics = try run(MorphKV(["capacity": 200]), prompt: 100, steps: 2000)
    let decoded = (1...2000).reduce(0) { $0 + min(100 + $1, 201) }
    #expect(
      statistics.footprint == Double(triangle(100) + decoded) / Double(triangle(2100)))
    #expect((statistics.footprint * 1e6).rounded() / 1e6 == 0.182226)
  }

  @Test("of eight tokens, four of them held at most, is 26 of 36 cells")
  func toyFigure() throws {
    let statistics = try run(StreamingLLM(["sinks": 1, "recent": 2]), prompt: 0, steps: 8)
    #expect(statistics.footprint == 26.0 / 36)
  }

  @Test("of streaming heads and a chunked prompt is the published one")
  func chunks() throws {
    let policy = try ChunkedStreaming(["sinks": 4, "recent": 64])
    let statistics = try run(policy, prompt: 1000, chunk: 256, steps: 100)
    #expect(abs(statistics.footprint - 0.302548096_77153) < 1e-12)
    #expect(abs(statistics.peakFootprint - 0.294_545_45) < 1e-8)
  }
}

@Suite("Constant size") struct ConstantSizeTests {
  private static let bounds: [(String, [String: JSONValue], Int)] = [
    ("streamingllm", ["sinks": 3, "recent": 17], 20),
    ("h2o", ["heavy": 10, "recent": 10], 20),
    ("tova", ["capacity": 20], 20),
    ("random", ["capacity": 20, "recent": 5], 20),
    ("morphkv", ["capacity": 20, "window": 5], 21),
    (
      "morphkv",
      ["capacity": 20, "window": 5, "votes": "exact", "rows": "W", "attendMask": "perQueryHead"], 21
    ),
    (
      "morphkv", ["capacity": 20, "window": 5, "votes": "exact", "prunePrompt": "atFirstDecode"], 21
    ),
    // (1 + 20) × 1.5 rounds up to 32, and the row that completes it triggers the drop.
    ("morphkv", ["capacity": 20, "window": 5, "burst": 1.5], 31),
  ]

  @Test("is reached and never exceeded, at every step, for any prompt", arguments: bounds.indices)
  func bound(index: Int) throws {
    let (name, settings, bound) = Self.bounds[index]
    for prompt in [1, 4, 19, 20, 21, 22, 33, 70] {
      let engine = try PlainEngine(
        .random(
          shape: CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 2), seed: 3),
        policy: PolicyRegistry.all.make(name, settings))
      try engine.read(prompt, chunk: 16)
      var most = 0
      for _ in 0..<70 {
        try engine.step()
        let statistics = engine.sequence.statistics
        most = max(most, statistics.longestLane)
        #expect(statistics.longestLane <= bound)
        #expect(engine.keptNow.allSatisfy { $0.count == statistics.longestLane })
      }
      #expect(most == bound, "\(prompt)")
    }
  }
}
