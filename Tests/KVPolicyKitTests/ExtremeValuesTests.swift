import KVPolicyKit
import KVPolicyTesting
import Testing

/// Declares what a test says.
private struct Declaring: KVCachePolicy {
  static let name = "declaring"
  static let summary = "declares anything"
  static let source = "a test"

  var cadence = Cadence(prompt: .never, every: 0)
  var protection = Protection()
  var signals: Set<Signal> = []
  var columns: [Column] = []

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  func columns(for shape: CacheShape) -> [Column] { columns }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

private let extremes = [Int.min, -1, 0, .max]

/// Values that no store, sequence or engine can serve give typed errors.
@Suite("Extreme values")
struct ExtremeValuesTests {
  /// Shapes in which one number, or two, are extreme.
  static let shapes: [CacheShape] = {
    func shape(_ numbers: [Int]) -> CacheShape {
      CacheShape(
        layers: numbers[0], keyHeads: numbers[1], queryHeads: numbers[2], headDimension: numbers[3])
    }
    var shapes = [shape([1, 2, 3, 2])]
    for one in 0..<4 {
      for other in one..<4 {
        for value in extremes {
          var numbers = [2, 1, 2, 32]
          numbers[one] = value
          numbers[other] = value
          shapes.append(shape(numbers))
        }
      }
    }
    // Products that do not overflow, and that no memory holds.
    return shapes + [
      shape([1 << 40, 1, 1, 2]), shape([1, 1, 1, CacheShape.longestKey + 1]),
      shape([2, 1, CacheShape.mostHeads, 2]), shape([1 << 31, 1 << 31, 1 << 31, 2]),
    ]
  }()

  @Test(
    "of a shape are refused by the store, by assignments and by configurations", arguments: shapes)
  func shape(_ shape: CacheShape) throws {
    for format in RowFormat.allCases {
      let error = #expect(throws: StoreError.self) {
        try PagedKVStore(
          shape: shape, configuration: StoreConfiguration(format: format, limitBytes: .max))
      }
      guard case .badSetting(let reason) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(reason.contains("; "), "it says what is legal: \(reason)")
    }
    let error = try #require(
      #expect(throws: PolicyError.self) { try PolicyAssignment(Declaring(), shape: shape) })
    #expect(error.description.hasPrefix("declaring: a cache of "))
    let registry = PolicyRegistry([Declaring.self])
    #expect(throws: error) {
      try PolicyConfiguration("declaring").makePolicies(registry, shape: shape)
    }
  }

  @Test("of a shape do not disturb its own numbers")
  func numbers() {
    let large = CacheShape(layers: .max, keyHeads: 2, queryHeads: 4, headDimension: 2)
    #expect(large.lanes == .max && large.group == 2)
    #expect(CacheShape(layers: 1, keyHeads: 0, queryHeads: 4, headDimension: 2).group == 0)
    #expect(CacheShape(layers: 1, keyHeads: -1, queryHeads: .min, headDimension: 2).group == 0)
  }

  @Test("the largest legal shapes are accepted")
  func largest() throws {
    let long = CacheShape(
      layers: 1, keyHeads: 1, queryHeads: 1, headDimension: CacheShape.longestKey)
    let wide = CacheShape(
      layers: 16, keyHeads: 4, queryHeads: CacheShape.mostHeads / 16, headDimension: 32)
    for shape in [long, wide] {
      for format in RowFormat.allCases {
        let store = try PagedKVStore(
          shape: shape, configuration: StoreConfiguration(pageRows: 64, format: format))
        let sequence = store.makeSequence(try PolicyAssignment(Declaring(), shape: shape))
        try sequence.reserve(tokens: 1)
      }
    }
  }

  @Test("of a head dimension are refused by every format", arguments: RowFormat.allCases)
  func rowBytes(_ format: RowFormat) throws {
    for value in extremes + [Int.max / 64 * 64, CacheShape.longestKey + 32, -32] {
      let error = #expect(throws: StoreError.self) { try format.rowBytes(headDimension: value) }
      #expect(error?.description.contains("\(value)") == true)
    }
    #expect(try format.rowBytes(headDimension: CacheShape.longestKey) > 1 << 20)
  }

  @Test("of page sizes and limits are refused; the largest limit is no problem")
  func configuration() throws {
    for rows in extremes + [1, 5, 128] {
      #expect(throws: StoreError.self) {
        try PagedKVStore(shape: .small, configuration: StoreConfiguration(pageRows: rows))
      }
    }
    for bytes in [Int.min, -1, 0, 1] {
      #expect(throws: StoreError.self) {
        try PagedKVStore(shape: .small, configuration: StoreConfiguration(limitBytes: bytes))
      }
    }
    let store = try PagedKVStore(
      shape: .small, configuration: StoreConfiguration(limitBytes: .max))
    #expect(store.freePages == Int(Int32.max))
    let sequence = store.makeSequence(try PolicyAssignment(Declaring(), shape: .small))
    // Four lanes of 2³¹ − 1 rows would take 2²⁹ pages of sixteen rows.
    try sequence.reserve(tokens: Int(Int32.max))
    #expect(store.pagesInUse == 0)
  }

  @Test("of tokens are refused by the sequence, which stays as it is")
  func reserve() throws {
    let engine = try paintedEngine(.small)
    try engine.read(5)
    let before = engine.sequence.statistics
    for tokens in [Int.min, -5, -1, Int(Int32.max) - 4, .max] {
      let error = #expect(throws: StoreError.self) {
        try engine.sequence.reserve(tokens: tokens)
      }
      guard case .badRequest(let reason)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(reason.hasPrefix("\(tokens) tokens cannot follow the 5 tokens read"))
    }
    try engine.sequence.reserve(tokens: 0)
    #expect(engine.sequence.statistics == before)
    try engine.step(3)
    #expect(engine.sequence.checkInvariants() == nil)
  }

  @Test("of tokens are refused by the plain engine")
  func engine() throws {
    let engine = try paintedEngine(.small)
    for (count, chunk) in [(0, 1), (-1, 1), (1, 0), (1, .min), (.max, .max), (.min, 4)] {
      #expect(throws: StoreError.self) { try engine.read(count, chunk: chunk) }
    }
    #expect(throws: StoreError.self) { try engine.step(-1) }
    #expect(throws: StoreError.self) { try engine.step(.min) }
    try engine.read(3, chunk: .max)
    try engine.step(0)
    #expect(engine.sequence.length.tokens == 3)
  }

  @Test("of a policy's declarations are refused with the policy's name and the declaration")
  func declarations() throws {
    func expect(_ text: String, _ change: (inout Declaring) -> Void) {
      var policy = Declaring()
      change(&policy)
      let error = #expect(throws: PolicyError.self) {
        try PolicyAssignment(policy, shape: .small)
      }
      #expect(error?.description == "declaring: it declares \(text) or more")
    }
    for value in [Int.min, -1] {
      expect("\(value) for cadence.every; declare 0") { $0.cadence.every = value }
      expect("\(value) for cadence.slack; declare 0") {
        $0.cadence = Cadence(prompt: .never, every: 1, slack: value)
      }
      expect("\(value) for protection.sinks; declare 0") {
        $0.protection = Protection(sinks: value)
      }
      expect("\(value) for protection.recent; declare 0") { $0.protection.recent = value }
      expect("\(value) for promptRows; declare 0") { $0.signals = [.promptRows(value)] }
    }
    for value in [Int.min, -1, 0] {
      expect("\(value) for cadence.chunk; declare 1") { $0.cadence.chunk = value }
      expect("\(value) for the width of column 'notes'; declare 1") {
        $0.columns = [.scalar("fine"), .ring("notes", width: value)]
      }
      expect("\(value) for the width of column 'notes'; declare 1") {
        $0.columns = [.ring("notes", width: value, of: .byte)]
      }
    }
  }

  @Test("of a configuration's layers are refused")
  func layers() throws {
    let registry = PolicyRegistry([Declaring.self])
    let some = try PolicyConfiguration(
      parsing: #"{"policy": "declaring", "layers": {"0": {}, "1": {}}}"#)
    for (layers, layer) in [(-1...0, -1), (Int.min...Int.max, Int.min), (0...Int.max, Int.max)] {
      var configuration = some
      configuration.overrides[1].layers = layers
      let error = #expect(throws: PolicyError.self) {
        try configuration.makePolicies(registry, shape: .small)
      }
      let said = error?.description ?? ""
      #expect(said.contains("name layer \(layer); the model has layers 0 to 1"))
    }
  }

  @Test("of a policy's columns give an error of the first row")
  func columns() throws {
    let columns: [[Column]] = [
      [.ring("a", width: .max, of: .byte)], [.ring("a", width: .max)],
      [.ring("a", width: .max / 4), .ring("b", width: .max / 4)],
      [.ring("a", width: .max, of: .byte), .ring("b", width: .max, of: .count), .scalar("c")],
    ]
    for columns in columns {
      var policy = Declaring()
      policy.columns = columns
      let engine = try PlainEngine(
        .random(shape: .small, seed: 1), policy: policy,
        store: StoreConfiguration(format: .f32, limitBytes: .max))
      #expect(throws: StoreError.columnsFull(neededBytes: .max, limitBytes: .max)) {
        try engine.read(1)
      }
      #expect(engine.sequence.checkInvariants() == nil)
    }
  }

  @Test("of a policy's declarations that mean all or never are served")
  func largestDeclarations() throws {
    var policy = Declaring()
    policy.cadence = Cadence(prompt: .everyChunk, every: .max, slack: .max, chunk: .max)
    policy.protection = Protection(sinks: .max, recent: .max)
    policy.signals = [.promptRows(.max)]
    let engine = try PlainEngine(.random(shape: .small, seed: 1), policy: policy)
    try engine.read(9)
    try engine.step(3)
    #expect(engine.sequence.statistics.rowsLive == 12 * 4)
  }

  @Test("of protections, pools, shares and ledgers do no harm where nothing checks them")
  func values() throws {
    for sinks in extremes {
      for recent in extremes {
        for tokens in extremes {
          let exposed = Protection(sinks: sinks, recent: recent).exposed(
            of: LogicalLength(tokens))
          #expect(exposed.lowerBound >= 0)
        }
      }
    }
    #expect(Protection(sinks: -1, recent: -1).exposed(of: LogicalLength(7)) == 0..<7)
    for pooling in Pooling.allCases {
      for kernel in [Int.min, -3, 0, 1] {
        #expect(pooling([1, 4, 2], kernel: kernel) == [1, 4, 2])
      }
      #expect(pooling([1, 4, 2], kernel: .max).count == 3)
    }
    for whole in extremes {
      var settings = Settings(policy: "p", values: ["share": 64])
      let rows = try settings.rows(
        "rows", share: "share", of: whole, default: .rows(1), atLeast: 2, "rows")
      #expect(rows == (whole == .max ? 1 << 30 : 2))
    }
    for lanes in [Int.min, -1, 0] {
      var ledger = FootprintLedger(lanes: lanes)
      ledger.bookStep(rows: 1)
      ledger.advance(tokens: 1, stored: 1)
      #expect(ledger.footprint == 0 && ledger.peak == 0)
    }
  }
}
