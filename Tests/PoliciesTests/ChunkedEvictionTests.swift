import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("SnapKV in chunks of the prompt") struct ChunkedEvictionTests {
  private let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)

  private func engine(
    _ settings: [String: JSONValue], seed: UInt64 = 1, policy: String = "snapkv"
  ) throws -> PlainEngine {
    try PlainEngine(
      .random(shape: shape, seed: seed, rotaryBase: 100),
      policy: PolicyRegistry.all.make(policy, settings),
      store: StoreConfiguration(pageRows: 8, format: .f32))
  }

  private func settings(
    sparsity: Double, _ more: [String: JSONValue] = [:]
  ) -> [String: JSONValue] {
    let settings: [String: JSONValue] = [
      "sparsity": .number(sparsity), "window": 4, "when": "everyChunk",
    ]
    return settings.merging(more) { $1 }
  }

  @Test(
    "keeps its share of every chunk, rounded down, and never touches it again",
    arguments: [false, true], [0, 0.3, 0.5, 0.9, 1])
  func counts(isPatched: Bool, sparsity: Double) throws {
    let engine = try engine(settings(sparsity: sparsity, ["patched": .bool(isPatched)]))
    try engine.read(54, chunk: 20)
    var earlier = Array(repeating: Set<Int>(), count: 4)
    for (chunk, lanes) in zip([0..<20, 20..<40, 40..<54], engine.kept) {
      for (lane, positions) in lanes.enumerated() {
        let new = positions.filter { chunk.contains($0) }
        // The window stays; patched, it stays of the last chunk only. A lane is never empty.
        let hasWindow = !isPatched || chunk.upperBound == 54
        let least = hasWindow ? 4 : chunk.lowerBound == 0 ? 1 : 0
        #expect(new.count == max(least, Int((1 - sparsity) * Double(chunk.count))))
        if hasWindow { #expect(new.suffix(4) == Array(chunk.suffix(4))) }
        #expect(earlier[lane] == Set(positions).subtracting(chunk))
        earlier[lane] = Set(positions)
      }
    }
    let before = engine.keptNow
    try engine.step(9)
    #expect(engine.keptNow == before.map { $0 + Array(54..<63) })
  }

  @Test("patched keeps in each chunk what the prompt's end attends to, naive what the chunk's does")
  func pictures() throws {
    let attention = SyntheticAttention.weights { query, key in
      (query < 28 && key % 10 == 3) || (query >= 28 && key % 10 == 7) ? 100 : 1
    }
    func picture(_ more: [String: JSONValue]) throws -> String {
      let policy = try SnapKV(
        settings(sparsity: 0.7, ["window": 2, "kernel": 1]).merging(more) { $1 })
      let engine = try PlainEngine(attention, policy: policy)
      try engine.read(30, chunk: 10)
      return engine.sequence.picture(layer: 0, head: 0, width: 30)
    }
    #expect(try picture([:]) == "...#....##...#....##.......###")
    #expect(try picture(["patched": true]) == "##.....#..##.....#.........###")
    #expect(
      try picture(["patched": true, "patchPositions": "trueEnd"])
        == "##.....#..##.....#.........###")
  }

  @Test("patched and naive are one policy where a prompt is one chunk")
  func oneChunk() throws {
    for seed in 1...5 as ClosedRange<UInt64> {
      let runs = try [false, true].map { isPatched in
        let engine = try engine(settings(sparsity: 0.6, ["patched": .bool(isPatched)]), seed: seed)
        try engine.read(30)
        try engine.step(3)
        return engine.kept
      }
      #expect(runs[0] == runs[1] && runs[0][0][0].count == 12)
    }
  }

  @Test("shares attention among the chunk alone or among all rows, which can choose other rows")
  func normalisers() throws {
    var differences = 0
    for seed in 1...8 as ClosedRange<UInt64> {
      let runs = try ["chunk", "visible"].map { normaliser in
        let engine = try engine(
          settings(sparsity: 0.5, ["chunkNormaliser": .string(normaliser), "kernel": 1]),
          seed: seed)
        try engine.read(60, chunk: 20)
        return engine.kept
      }
      // The first chunk is all there is.
      #expect(runs[0][0] == runs[1][0])
      if runs[0] != runs[1] { differences += 1 }
    }
    #expect(differences > 0)
  }

  @Test("holds far fewer bytes at its peak than a choice when the prompt ends")
  func peak() throws {
    func peak(_ settings: [String: JSONValue]) throws -> (bytes: Int, footprint: Double) {
      let engine = try engine(settings)
      engine.remembers = false
      try engine.read(512, chunk: 32)
      let statistics = engine.sequence.statistics
      #expect(statistics.longestLane <= 131)
      return (statistics.peakResidentBytes, statistics.footprint)
    }
    let once = try peak(["capacity": 128, "window": 4])
    #expect(once.footprint == 1)
    for isPatched in [false, true] {
      let chunked = try peak(settings(sparsity: 0.75, ["patched": .bool(isPatched)]))
      #expect(3 * chunked.bytes < once.bytes && chunked.footprint < 0.33)
    }
  }
}
