import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// Keeps the last rows, with a column that is as wide as a quarter of them and a fixed table.
private struct Widening: KVCachePolicy {
  static let name = "widening"
  static let summary = "has columns that grow with its rows"
  static let source = "a test"
  let rows: Int
  var stateBytes: Int { 1000 }

  init(_ settings: inout Settings) throws(PolicyError) {
    rows = try settings.integer("rows", default: 8, atLeast: 3, "rows kept")
  }

  static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    ["rows": .integer(try budget.rows)]
  }

  func columns(for shape: CacheShape) -> [Column] {
    [.ring("wide", width: max(1, rows / 4), of: .byte)]
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { plan.keepProtected(Protection(recent: rows), of: $0) }
  }
}

@Suite("Amounts")
struct AmountTests {
  private let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 32)
  private let registry = PolicyRegistry.all.adding(Widening.self)
  /// The policies that need no artifact.
  private var names: [String] {
    registry.names.filter { (try? registry.make($0, shape: shape)) != nil }
  }

  private func cost(_ format: RowFormat = .f16, pageRows: Int = 4) throws -> RowCost {
    try RowCost(shape: shape, store: StoreConfiguration(pageRows: pageRows, format: format))
  }

  /// Bytes beside the rows that a policy declares: its own state, and the recent queries that an
  /// engine keeps for it.
  private func state(_ policy: any KVCachePolicy) -> Int {
    policy.signals.reduce(policy.stateBytes) { sum, signal in
      guard case .recentRows(let queries) = signal else { return sum }
      return sum + 2 * queries * shape.layers * shape.queryHeads * (shape.headDimension + 1) * 4
    }
  }

  /// The message of the error that `body` throws; empty if it throws none.
  private func complaint(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return ""
  }

  private func assign(
    _ budget: String, _ rest: String = "", store: StoreConfiguration? = nil
  ) throws -> PolicyAssignment {
    let text = #"{"policy": "composed", "budget": {\#(budget)}\#(rest)}"#
    return try PolicyConfiguration(parsing: text)
      .makePolicies(registry, shape: shape, store: store)
  }

  /// Rows per lane after a prompt, which `budget` is spent on.
  private func rows(_ budget: String, prompt: Int, store: StoreConfiguration) throws -> Int {
    let assignment = try assign(#""kind": "even", \#(budget)"#, store: store)
    let sequence = try PagedKVStore(shape: shape, configuration: store).makeSequence(assignment)
    let engine = PlainEngine(.random(shape: shape, seed: 5), sequence: sequence)
    engine.remembers = false
    try engine.read(prompt)
    return sequence.statistics.rowsLive / shape.lanes
  }

  @Test("in bytes pay for the rows of all lanes, in the format of the store")
  func bytes() throws {
    for (format, row) in [(RowFormat.f32, 256), (.f16, 128), (.q8_0, 68)] {
      let store = StoreConfiguration(pageRows: 4, format: format)
      #expect(try rows(#""bytes": 20000"#, prompt: 100, store: store) == 20000 / (4 * row))
    }
  }

  @Test(
    "a share is one of the prompt's tokens, rounded down",
    arguments: [(0.25, 100, 25), (0.29, 100, 29), (1.0 / 3, 99, 33), (0.5, 33, 16), (1, 7, 7)])
  func shares(_ share: Double, _ prompt: Int, _ expected: Int) throws {
    let store = StoreConfiguration(format: .f32)
    #expect(try rows(#""share": \#(share)"#, prompt: prompt, store: store) == expected)
  }

  @Test("a share of a prompt too short for it leaves a row, and without a prompt all rows")
  func shortPrompts() throws {
    #expect(try rows(#""share": 0.001"#, prompt: 50, store: StoreConfiguration()) == 1)
    let policy = try assign(#""share": 0.5"#, #", "when": "everyStep""#).policies[0]
    let engine = try PlainEngine(.random(shape: shape, seed: 5), policy: policy)
    try engine.step(9)
    #expect(engine.sequence.statistics.rowsLive == 9 * shape.lanes)
  }

  @Test("a second prompt's share is one of all tokens read by then")
  func secondPrompt() throws {
    let policy = try assign(#""share": 0.5"#, #", "when": "everyStep""#).policies[0]
    let engine = try PlainEngine(.random(shape: shape, seed: 5), policy: policy)
    try engine.read(20)
    try engine.step(3)
    #expect(engine.sequence.statistics.longestLane == 10)
    try engine.read(17)
    try engine.step(3)
    #expect(engine.sequence.statistics.longestLane == 20)
  }

  @Test(
    "exactly one is given, and it is possible",
    arguments: [
      (#""rows": 4, "bytes": 4096"#, "'rows' and 'bytes' are two ways"),
      (#""bytes": 4096, "share": 0.5"#, "'bytes' and 'share' are two ways"),
      (#""rows": 0"#, "'budget.rows' cannot be 0; it must be a whole number from 1"),
      (#""rows": 1000000000000000000"#, "'budget.rows' cannot be"),
      (#""bytes": 0"#, "'budget.bytes' cannot be 0; it must be a whole number from 1"),
      (#""bytes": -1"#, "'budget.bytes' cannot be -1"),
      (#""bytes": 1.5"#, "'budget.bytes' cannot be 1.5"),
      (#""bytes": 1000000000000000000"#, "'budget.bytes' cannot be"),
      (#""bytes": 1e400"#, "1e400"), (#""bytes": "1MiB""#, "'budget.bytes' cannot be \"1MiB\""),
      (#""share": 0"#, "'budget.share' cannot be 0; it must be a number above 0"),
      (#""share": 1.01"#, "'budget.share' cannot be 1.01"),
      (#""share": "nan""#, "'budget.share' cannot be \"nan\""),
      (#""share": -0.5"#, "'budget.share' cannot be -0.5"),
      (#""bites": 5"#, "no setting 'budget.bites' (did you mean 'budget.bytes'?)"),
      (#""bytes": 1"#, "the least is 2048 bytes, which pay for 4 rows in each"),
      (#""bytes": 2047"#, "the least is 2048 bytes"),
    ])
  func impossible(_ budget: String, _ message: String) {
    let store = StoreConfiguration(pageRows: 4, format: .f16)
    let said = complaint { _ = try assign(budget, store: store) }
    #expect(said.contains(message), "\(said)")
  }

  @Test("null is not given, and the least figure of an error is enough")
  func legal() throws {
    let store = StoreConfiguration(pageRows: 4, format: .f16)
    _ = try assign(#""rows": null, "share": 0.5, "bytes": null"#, store: store)
    _ = try assign(#""bytes": 2048"#, store: store)
    // Protected rows raise the least.
    let protect = #", "protect": {"sinks": 3, "recent": 6}"#
    let said = complaint { _ = try assign(#""bytes": 5119"#, protect, store: store) }
    #expect(said.contains("the least is 5120 bytes, which pay for 10 rows in each"), "\(said)")
    _ = try assign(#""bytes": 5120"#, protect, store: store)
  }

  @Test("policies get the most rows that bytes pay for", arguments: [3_000, 9_999, 70_001])
  func mostRows(_ bytes: Int) throws {
    for format in [RowFormat.f16, .f32] {
      let cost = try cost(format)
      for name in names {
        let type = try registry.type(named: name)
        /// The price of a number of rows, from the policy's own declarations.
        func price(_ rows: Int) throws -> Int {
          let settings = try type.settings(budget: .rows(rows)) ?? [:]
          let policy = try registry.make(name, settings, shape: shape)
          let columns = policy.columns(for: shape).reduce(0) { $0 + $1.rowBytes }
          return state(policy) + rows * shape.lanes * (cost.rowBytes + columns)
        }
        guard try type.settings(budget: .rows(4096)) != nil else {
          #expect(try registry.settings(of: name, spending: .bytes(bytes), in: cost) == nil)
          continue
        }
        // The search, one row at a time.
        let most = try (5...1000).last { try price($0) <= bytes } ?? 0
        guard most > 0 else {
          #expect(throws: PolicyError.self) {
            try registry.settings(of: name, spending: .bytes(bytes), in: cost)
          }
          continue
        }
        let spent = try #require(
          try registry.settings(of: name, spending: .bytes(bytes), in: cost))
        #expect(spent.rows == most, "\(name)")
        #expect(try spent.settings == type.settings(budget: .rows(most)))
      }
    }
  }

  @Test("the least legal figure is named and is enough, for every policy")
  func least() throws {
    let cost = try cost()
    for name in names {
      guard try registry.type(named: name).settings(budget: .rows(4096)) != nil else { continue }
      let said = complaint {
        _ = try registry.settings(of: name, spending: .bytes(1), in: cost)
      }
      let words = said.split(separator: " ").map(String.init)
      let place = try #require(words.firstIndex(of: "least"), "\(name): \(said)")
      let least = try #require(Int(words[place + 2]), "\(said)")
      #expect(try registry.settings(of: name, spending: .bytes(least), in: cost) != nil)
      #expect(throws: PolicyError.self) {
        try registry.settings(of: name, spending: .bytes(least - 1), in: cost)
      }
    }
  }

  @Test("what a policy holds at the end agrees with the bytes that it was given")
  func resident() throws {
    let bytes = 40_000
    for format in [RowFormat.f16, .f32] {
      let store = StoreConfiguration(pageRows: 4, format: format)
      let cost = try RowCost(shape: shape, store: store)
      for name in names {
        guard let spent = try registry.settings(of: name, spending: .bytes(bytes), in: cost) else {
          continue
        }
        let policies = try PolicyConfiguration(name, spent.settings)
          .makePolicies(registry, shape: shape, store: store)
        let sequence = try PagedKVStore(shape: shape, configuration: store).makeSequence(policies)
        let engine = PlainEngine(.random(shape: shape, seed: 3), sequence: sequence)
        engine.remembers = false
        try engine.read(3 * spent.rows)
        if !sequence.grows { try engine.step(3) }
        // R-KV exceeds its budget between two cuts; a reader's budget is what steps read.
        if name == "rkv" || sequence.policy(ofLayer: 0) is any ReadingPolicy { continue }
        let held = sequence.statistics
        let columns = sequence.policy(ofLayer: 0).columns(for: shape).reduce(0) { $0 + $1.rowBytes }
        let row = cost.rowBytes + columns
        // MorphKV keeps the current token beside its budget, and chunks meet a budget to within one.
        let extra = name == "morphkv" ? shape.lanes : 0
        let used = (held.rowsLive - extra) * row + sequence.policy(ofLayer: 0).stateBytes
        #expect((held.rowsLive - extra) * row <= bytes, "\(name): \(used)")
        let spare = (name == "chunkkv" ? 20 : 1) * shape.lanes * row + 1000
        #expect(used > bytes - spare, "\(name): \(used)")
        // On top come a part of a page a lane, the room of columns, and the store's bookkeeping.
        let room = shape.lanes * (store.pageRows * row + columns * (spent.rows / 8 + 8))
        let bookkeeping = held.rowsLive * 12 + held.pagesHeld * 24
        let state = max(0, sequence.policy(ofLayer: 0).stateBytes - 1000)
        #expect(
          held.residentBytes <= bytes + extra * row + room + bookkeeping + state,
          "\(name): \(held.residentBytes)")
      }
    }
  }

  @Test("rows of bytes or a share are a typed error where no cache is known")
  func unresolved() throws {
    for amount in [Amount.bytes(1 << 20), .share(0.5)] {
      #expect(throws: PolicyError.self) { try H2O.settings(budget: amount) }
      #expect(throws: PolicyError.self) {
        try PolicyRegistry.all.settings(of: "h2o", spending: amount)
      }
    }
    #expect(try H2O.settings(budget: .rows(8))?.count == 2)
  }

  @Test("a price needs a shape and a format that a cache can have, and never overflows")
  func prices() throws {
    let wide = CacheShape(layers: 1, keyHeads: 1, queryHeads: 1, headDimension: 7)
    #expect(throws: StoreError.self) {
      try RowCost(shape: wide, store: StoreConfiguration(format: .q8_0))
    }
    #expect(throws: StoreError.self) {
      try RowCost(
        shape: CacheShape(layers: 0, keyHeads: 1, queryHeads: 1, headDimension: 2),
        store: StoreConfiguration())
    }
    let cost = try cost()
    let huge = [Column.ring("huge", width: .max)]
    #expect(cost.rows(in: .max, columns: huge) == 0 && cost.bytes(rows: 1, columns: huge) == .max)
    #expect(cost.bytes(rows: .max) == .max && cost.rows(in: .max) == 1 << 30)
    #expect(cost.rows(in: 1000, state: 1000) == 0 && cost.rows(in: 1512, state: 1000) == 1)
  }

  @Test(
    "in bytes or a share obey every rule of a policy",
    arguments: [
      #"{"budget": {"share": 0.5}, "when": "everyStep"}"#,
      #"{"budget": {"kind": "adaptive", "share": 0.3}, "score": "knorm", "protect": {"sinks": 1}}"#,
      #"{"budget": {"bytes": 3000}, "when": "everyStep", "protect": {"recent": 2}}"#,
      #"{"budget": {"kind": "pyramid", "bytes": 5000}, "score": {"kind": "window", "window": 3}}"#,
    ])
  func conformance(_ text: String) throws {
    guard case .object(let settings) = try JSONValue.parse(text) else { return }
    let violations = checkPolicy { try PolicyRegistry.all.make("composed", settings) }
    #expect(violations.isEmpty, "\(violations)")
  }

  @Test("a policy that is never asked while decoding grows")
  func growing() throws {
    let store = try PagedKVStore(shape: shape)
    func grows(_ text: String) throws -> Bool {
      let policies = try PolicyConfiguration(parsing: text).makePolicies(registry, shape: shape)
      return store.makeSequence(policies).grows
    }
    for name in ["full", "snapkv", "adakv", "pyramidkv", "chunkkv", "refreekv"] {
      #expect(try grows(#"{"policy": "\#(name)"}"#), "\(name)")
    }
    for name in ["streamingllm", "h2o", "morphkv", "tova", "sagekv", "inertiakv"] {
      #expect(try !grows(#"{"policy": "\#(name)"}"#), "\(name)")
    }
    #expect(try grows(#"{"policy": "h2o", "when": "afterPrompt"}"#))
    #expect(try grows(#"{"policy": "h2o", "layers": {"0": {"policy": "full"}}}"#))
    #expect(try !grows(#"{"policy": "full", "layers": {"0-1": {"policy": "h2o"}}}"#))
  }

  @Test("mean bytes are those after each decode step")
  func meanBytes() throws {
    let policy = try registry.make("full")
    let engine = try PlainEngine(.random(shape: shape, seed: 5), policy: policy)
    try engine.read(8)
    #expect(
      engine.sequence.statistics.meanResidentBytes == engine.sequence.statistics.residentBytes)
    var sum = 0
    for _ in 0..<5 {
      try engine.step(1)
      sum += engine.sequence.statistics.residentBytes
    }
    let mean = Int((Double(sum) / 5).rounded())
    #expect(engine.sequence.statistics.meanResidentBytes == mean)
    #expect(engine.sequence.fork().statistics.meanResidentBytes == mean)
  }
}
