import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("KVzip")
struct KVzipTests {
  private let shape = CacheShape(layers: 3, keyHeads: 2, queryHeads: 4, headDimension: 8)

  private func engine(_ settings: [String: JSONValue]) throws -> PlainEngine {
    try PlainEngine(.random(shape: shape, seed: 7), policy: KVzip(settings))
  }

  private func rows(_ engine: PlainEngine) -> [Int] { engine.keptNow.map(\.count) }

  @Test("drops a share of the prompt's rows, in all or in each layer")
  func shares() throws {
    for (ratio, prompt) in [(0.3, 41), (0.55, 40), (0.9, 17)] {
      let global = try engine(["ratio": .number(ratio), "chunk": 16])
      try global.read(prompt)
      let all = shape.lanes * prompt
      #expect(rows(global).reduce(0, +) == all - Int(Double(all) * ratio))
      #expect(Set(rows(global)).count > 1)
      let layered = try engine(["ratio": .number(ratio), "chunk": 16, "scope": "layer"])
      try layered.read(prompt)
      let each = 2 * prompt
      for layer in 0..<3 {
        let held = rows(layered)[2 * layer] + rows(layered)[2 * layer + 1]
        #expect(held == each - Int(Double(each) * ratio))
      }
    }
  }

  @Test("keeps everything at 0, and one row of each lane at 1")
  func ends() throws {
    let none = try engine(["ratio": 0])
    try none.read(30)
    #expect(rows(none) == Array(repeating: 30, count: 6))
    let all = try engine(["ratio": 1])
    try all.read(30)
    #expect(rows(all) == Array(repeating: 1, count: 6))
    try all.step(3)
    #expect(rows(all) == Array(repeating: 4, count: 6))
  }

  @Test("keeps the mean number of rows that a capacity names")
  func capacity() throws {
    for capacity in [1, 5, 30, 100] {
      let engine = try engine(["capacity": .integer(capacity), "ratio": 0.1])
      try engine.read(30)
      #expect(rows(engine).reduce(0, +) == 6 * min(30, capacity))
    }
  }

  @Test("drops the prefix first, but for its sinks")
  func prefix() throws {
    let engine = try engine(["ratio": 0.4, "prefix": 9, "sinks": 3])
    try engine.read(30)
    for kept in engine.keptNow {
      #expect(kept.starts(with: [0, 1, 2]))
      #expect(!kept.contains { (3..<9).contains($0) })
    }
    // Nothing is repeated of a prompt inside the prefix.
    let short = try self.engine(["ratio": 0.5, "prefix": 9, "sinks": 3])
    try short.read(8)
    #expect(short.keptNow == Array(repeating: [0, 1, 2, 3], count: 6))
  }

  @Test("leaves earlier prompts and answers alone")
  func nextPrompt() throws {
    let engine = try engine(["ratio": 0.5, "repeatTokens": [1]])
    try engine.read(30)
    try engine.step(4)
    let before = engine.keptNow
    try engine.read(20)
    for (kept, old) in zip(engine.keptNow, before) { #expect(kept.starts(with: old)) }
    let held = rows(engine).reduce(0, +)
    #expect(held == 6 * (30 + 20) - 90 - 60 + 6 * 4)
  }
}
