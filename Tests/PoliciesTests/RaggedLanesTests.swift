import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("Ragged lanes")
struct RaggedLanesTests {
  /// The shape of a row of SmolLM2, in fewer layers.
  private let shape = CacheShape(layers: 2, keyHeads: 3, queryHeads: 3, headDimension: 64)

  private func engine(
    _ policy: any KVCachePolicy, _ format: RowFormat = .f16, pageRows: Int = 16, seed: UInt64 = 1
  ) throws -> PlainEngine {
    let engine = try PlainEngine(
      .random(shape: shape, seed: seed), policy: policy,
      store: StoreConfiguration(pageRows: pageRows, format: format))
    engine.remembers = false
    return engine
  }

  /// Checks that the resident bytes are at most 1.1 times those of the live rows, their columns
  /// included, and a page a lane.
  private func checkBytes(
    _ sequence: KVSequence, _ label: String, format: RowFormat, pageRows: Int = 16
  ) throws {
    let held = sequence.statistics
    let columns = sequence.policy(ofLayer: 0).columns(for: shape).reduce(0) { $0 + $1.rowBytes }
    let row = 2 * (try format.rowBytes(headDimension: shape.headDimension)) + columns
    let state = sequence.policy(ofLayer: 0).stateBytes
    let most = 1.1 * Double(held.rowsLive * row) + Double(shape.lanes * (pageRows * row + 64))
    #expect(Double(held.residentBytes - state) <= most, "\(label): \(held)")
    #expect(sequence.checkInvariants() == nil)
  }

  @Test("hold no more bytes than their rows and a page each, whatever is dropped")
  func drawnBudgets() throws {
    let full = try PolicyRegistry.all.make("full")
    for seed in 1...24 {
      var random = SplitMix64(seed: UInt64(seed))
      let format = RowFormat.allCases[seed % 3]
      let engine = try engine(full, format, seed: UInt64(seed))
      for _ in 0..<3 {
        try engine.read(Int.random(in: 1...120, using: &random))
        // Each lane keeps a number of its own: often few, sometimes all.
        var plan = CachePlan()
        for layer in 0..<shape.layers {
          for head in 0..<shape.keyHeads {
            let rows = engine.sequence.rowCount(layer: layer, head: head)
            let share = Double.random(in: 0...1, using: &random)
            let count = max(1, Int(Double(rows) * share * share))
            let kept = Array(0..<rows).shuffled(using: &random).prefix(count)
            let lane = LaneID(layer: layer, head: head)
            if Bool.random(using: &random) {
              plan.keep(kept, of: lane)
            } else {
              plan.drop((0..<rows).filter { !kept.contains($0) }, of: lane)
            }
          }
        }
        try engine.sequence.apply(plan)
        try checkBytes(engine.sequence, "seed \(seed)", format: format)
      }
    }
  }

  @Test("of every policy with a budget hold no more either, after a prompt and later")
  func policies() throws {
    for configuration in PolicyConfiguration.drawnBudgets {
      let policy = try PolicyRegistry.all.make(
        configuration.main.policy, configuration.main.settings)
      let engine = try engine(policy)
      try engine.read(300, chunk: 70)
      try checkBytes(engine.sequence, configuration.main.policy, format: .f16)
      try engine.step(9)
      try checkBytes(engine.sequence, configuration.main.policy, format: .f16)
    }
  }

  @Test("dropping whole pages copies no row", arguments: [4, 16])
  func wholePages(_ pageRows: Int) throws {
    let engine = try engine(PolicyRegistry.all.make("full"), pageRows: pageRows)
    try engine.read(10 * pageRows + 3)
    let before = engine.sequence.storedRows(layer: 1, head: 2)
    let pages = [0, 3, 4, 7, 9, 10]
    var plan = CachePlan()
    let kept = pages.flatMap { Array($0 * pageRows..<min(($0 + 1) * pageRows, before.count)) }
    plan.keep(kept, of: LaneID(layer: 1, head: 2))
    try engine.sequence.apply(plan)
    #expect(engine.sequence.rowsCopied == 0)
    #expect(engine.sequence.storedRows(layer: 1, head: 2) == kept.map { before[$0] })
    #expect(engine.sequence.statistics.pagesReturned == 11 - pages.count)
    #expect(engine.sequence.checkInvariants() == nil)
    try engine.step(2 * pageRows)
    #expect(engine.sequence.checkInvariants() == nil)
  }

  @Test("rows stay what they are, whichever others are dropped", arguments: 1...40)
  func anyRows(_ seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let engine = try engine(PolicyRegistry.all.make("full"), pageRows: 4, seed: UInt64(seed))
    try engine.read(Int.random(in: 5...60, using: &random))
    for _ in 0..<4 {
      let before = engine.sequence.storedRows(layer: 0, head: 0)
      // Runs of rows, many of which are whole pages.
      var kept: [Int] = []
      for start in stride(from: 0, to: before.count, by: 4) {
        let isWhole = Bool.random(using: &random)
        let most = min(start + 4, before.count)
        kept += (start..<most).filter { _ in isWhole || Int.random(in: 0..<4, using: &random) == 0 }
      }
      guard !kept.isEmpty else { continue }
      var plan = CachePlan()
      plan.keep(kept, of: LaneID(layer: 0, head: 0))
      try engine.sequence.apply(plan)
      #expect(engine.sequence.storedRows(layer: 0, head: 0) == kept.map { before[$0] })
      #expect(engine.sequence.checkInvariants() == nil)
      try engine.step(3)
    }
  }

  @Test("ChunkKV frees pages without copying where chunks are pages")
  func chunks() throws {
    func copied(size: Int, prompt: Int) throws -> (rows: Int, dropped: Int) {
      let policy = try ChunkKV(["capacity": 96, "window": 32, "size": .integer(size)])
      let engine = try engine(policy)
      try engine.read(prompt)
      let held = engine.sequence.statistics
      #expect(held.pagesReturned > 0 && held.rowsDropped > 0)
      return (engine.sequence.rowsCopied, held.rowsDropped)
    }
    let aligned = try copied(size: 16, prompt: 320)
    #expect(aligned.rows == 0)
    #expect(try copied(size: 32, prompt: 320).rows == 0)
    // A window that begins within a page moves, and nothing else does.
    let ragged = try copied(size: 16, prompt: 327)
    #expect(ragged.rows <= (32 + 16) * shape.lanes)
    #expect(try copied(size: 20, prompt: 320).rows > ragged.rows)
  }
}

extension PolicyConfiguration {
  /// Policies whose budgets differ from lane to lane, layer to layer, or not at all.
  fileprivate static var drawnBudgets: [PolicyConfiguration] {
    var random = SplitMix64(seed: 11)
    let named = [
      "adakv", "pyramidkv", "chunkkv", "snapkv", "h2o", "streamingllm", "tova", "sagekv",
    ]
    let ragged = (0..<6).map { _ in
      PolicyConfiguration(
        "composed",
        [
          "score": .string(["knorm", "keydiff", "cur"].randomElement(using: &random) ?? ""),
          "budget": [
            "kind": "adaptive", "rows": .integer(Int.random(in: 8...120, using: &random)),
            "floor": .number(Double.random(in: 0...1, using: &random)),
          ], "when": .string(Bool.random(using: &random) ? "everyStep" : "everyChunk"),
        ])
    }
    return named.compactMap { name in
      guard let type = try? PolicyRegistry.all.type(named: name),
        let settings = try? type.settings(budget: .rows(80))
      else { return nil }
      return PolicyConfiguration(name, settings)
    } + ragged
  }
}
