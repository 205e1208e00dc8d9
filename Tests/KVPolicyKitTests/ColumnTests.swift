import KVPolicyTesting
import Testing

@testable import KVPolicyKit

/// Writes predictable numbers into columns of every kind.
private struct Marker: KVCachePolicy {
  static let name = "marker"
  static let summary = "marks rows"
  static let source = "a test"

  var rule = PositionRule.original
  /// The number of tokens up to which the policy only reads.
  var silent = 0

  init(rule: PositionRule = .original, silent: Int = 0) {
    (self.rule, self.silent) = (rule, silent)
  }
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var positions: PositionRule { rule }
  var cadence: Cadence { .never }
  func columns(for shape: CacheShape) -> [Column] {
    [
      .ring("bytes", width: 5, of: .byte), .ring("counts", width: 2, of: .count),
      .scalar("float", initial: -1), .ring("floats", width: 2, of: .float),
    ]
  }
  mutating func prefill(_ layer: borrowing LayerView) { mark(layer) }
  mutating func step(_ layer: borrowing LayerView) { mark(layer) }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}

  private func mark(_ layer: borrowing LayerView) {
    let tokens = layer.length.tokens
    guard tokens > silent else { return }
    layer.forEachLane { lane in
      let positions = lane.positions
      var bytes = lane.mutableBytes(0, entry: tokens % 5)
      var counts = lane.mutableCounts(1, entry: tokens % 2)
      var float = lane.mutableColumn(2)
      for row in 0..<lane.count {
        let position = Int(positions[row])
        bytes[row] = UInt8(truncatingIfNeeded: position * 7 + tokens)
        counts[row] = UInt32(truncatingIfNeeded: position << 20 + tokens)
        float[row] += Float(position)
      }
    }
  }

  /// The contents of a row's columns after the moments with these totals of tokens were marked, for
  /// a row that exists from the first moment on.
  static func columns(_ position: Int, marked: [Int]) -> [Float] {
    var (bytes, counts) = ([Float](repeating: 0, count: 5), [Float](repeating: 0, count: 2))
    var float: Float = -1
    for tokens in marked where tokens > position {
      bytes[tokens % 5] = Float(UInt8(truncatingIfNeeded: position * 7 + tokens))
      counts[tokens % 2] = Float(UInt32(truncatingIfNeeded: position << 20 + tokens))
      float += Float(position)
    }
    return bytes + counts + [float, 0, 0]
  }
}

@Suite("Columns of bytes, counts and floats") struct ColumnTests {
  private static let shape = CacheShape(layers: 1, keyHeads: 2, queryHeads: 2, headDimension: 32)

  private func engine(
    _ policy: Marker, format: RowFormat = .f32, pageRows: Int = 4
  ) throws -> PlainEngine {
    let engine = try PlainEngine(
      .random(shape: Self.shape, seed: 5), policy: policy,
      store: StoreConfiguration(pageRows: pageRows, format: format))
    engine.remembers = false
    return engine
  }

  private func check(_ engine: PlainEngine, marked: [Int]) throws {
    for rows in engine.rows {
      for row in rows {
        let isRight = row.columns == Marker.columns(row.position, marked: marked)
        try #require(isRight, "position \(row.position): \(row.columns)")
      }
    }
    #expect(engine.sequence.checkInvariants() == nil)
  }

  @Test(
    "go with their rows through drops, keeps, forks, new numbers and growth",
    arguments: RowFormat.allCases, PositionRule.allCases)
  func travel(format: RowFormat, rule: PositionRule) throws {
    var numbers = SplitMix64(seed: 12)
    let engine = try engine(Marker(rule: rule), format: format)
    try engine.read(23)
    var walkers = [(engine, [23])]
    for round in 0..<120 {
      let index = Int.random(in: walkers.indices, using: &numbers)
      let walker = walkers[index].0
      let head = Int.random(in: 0..<2, using: &numbers)
      let count = walker.sequence.rowCount(layer: 0, head: head)
      let some = (0..<count).shuffled(using: &numbers)
      switch Int.random(in: 0..<8, using: &numbers) {
      case 0, 1, 2:
        try walker.step()
        walkers[index].1.append(walker.sequence.length.tokens)
      case 3:
        try walker.read(Int.random(in: 1...9, using: &numbers))
        walkers[index].1.append(walker.sequence.length.tokens)
      case 4 where count > 1: try walker.edit(head: head) { $0.drop(some[0], of: $1) }
      case 5 where count > 1:
        try walker.edit(head: head) { $0.drop(some.prefix(min(6, count - 1)), of: $1) }
      case 6 where count > 12: try walker.edit(head: head) { $0.keep(some.prefix(11), of: $1) }
      default:
        if walkers.count < 3 {
          let fork = walker.fork(reading: .random(shape: Self.shape, seed: 8))
          walkers.append((fork, walkers[index].1))
        } else {
          walker.sequence.renumber(layer: 0, head: head, order: some)
        }
      }
      for (walker, marked) in walkers { try check(walker, marked: marked) }
      let broken = engine.sequence.store.checkInvariants(walkers.map(\.0.sequence))
      try #require(broken == nil, "\(round)")
    }
  }

  @Test("take no memory before they are written, and then a byte or four a number")
  func bytes() throws {
    let engine = try engine(Marker(silent: 20), pageRows: 16)
    try engine.read(20)
    #expect(engine.sequence.statistics.policyStateBytes == 0)
    try check(engine, marked: [])
    try engine.step()
    // Room for 32 rows in each of two lanes, with five bytes, two counts and a float per row.
    // Nothing was written to the ring of floats.
    #expect(engine.sequence.statistics.policyStateBytes == 2 * 32 * (5 + 8 + 4))
    try check(engine, marked: [21])
    let fork = engine.fork()
    #expect(fork.sequence.statistics.policyStateBytes == 2 * 32 * (5 + 8 + 4))
    #expect(
      Column.ring("a", width: 3, of: .byte).rowBytes == 3
        && Column.ring("a", width: 3, of: .count).rowBytes == 12
        && Column.ring("a", width: 3).rowBytes == 12)
  }

  @Test("of another kind than the one asked for, or with fewer entries, are not read")
  func kinds() async {
    await #expect(processExitsWith: .failure) {
      let engine = try ColumnTests().engine(Marker())
      try engine.read(3)
      let signals = SignalBuffers()
      let lane = LaneView(
        engine.sequence.lane(0, 0), group: 1, length: LogicalLength(3), signals: signals)
      let numbers = lane.column(0)
      print(numbers.count)
    }
    await #expect(processExitsWith: .failure) {
      let engine = try ColumnTests().engine(Marker())
      try engine.read(3)
      let signals = SignalBuffers()
      let lane = LaneView(
        engine.sequence.lane(0, 0), group: 1, length: LogicalLength(3), signals: signals)
      let numbers = lane.bytes(0, entry: 5)
      print(numbers.count)
    }
  }

  @Test("that no memory holds are refused, the room beyond the rows included")
  func limit() throws {
    // One row of 200 bytes a number would fit the limit, but a whole page of column memory does
    // not.
    struct Wide: KVCachePolicy {
      static let name = "wide"
      static let summary = "wants much"
      static let source = "a test"
      init() {}
      init(_ settings: inout Settings) throws(PolicyError) {}
      static func settings(budget: Amount) -> [String: JSONValue]? { nil }
      func columns(for shape: CacheShape) -> [Column] { [.ring("wide", width: 1000, of: .byte)] }
      mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
    }
    let engine = try PlainEngine(
      .random(shape: .single, seed: 1), policy: Wide(),
      store: StoreConfiguration(pageRows: 4, format: .f32, limitBytes: 3999))
    #expect(throws: StoreError.columnsFull(neededBytes: 4000, limitBytes: 3999)) {
      try engine.read(1)
    }
    let roomy = try PlainEngine(
      .random(shape: .single, seed: 1), policy: Wide(),
      store: StoreConfiguration(pageRows: 4, format: .f32, limitBytes: 4000))
    try roomy.read(1)
    try roomy.step(3)
    #expect(throws: StoreError.self) { try roomy.step() }
  }
}
