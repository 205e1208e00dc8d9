import KVPolicyKit
import KVPolicyTesting
import Testing

/// Reads what a test says.
private struct Speaker: RowReader {
  static let name = "speaker"
  static let summary = "reads what a test says"
  static let source = "a test"

  /// Writes the plan of a layer.
  typealias Speech = @Sendable (_ layer: borrowing LayerView, _ plan: inout ReadPlan) -> Void

  var speech: Speech = { _, _ in }
  var digest: PageDigest?
  var signals: Set<Signal> = []
  var columns: [Column] = []

  init(digest: PageDigest? = nil, _ speech: @escaping Speech) {
    (self.digest, self.speech) = (digest, speech)
  }

  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(rows: Int) -> [String: JSONValue] { [:] }
  func columns(for shape: CacheShape) -> [Column] { columns }
  mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) { speech(layer, &plan) }

  /// Names every row of every lane, in one of three ways.
  static func everything(_ way: Int, digest: PageDigest) -> Speaker {
    Speaker(digest: digest) { layer, plan in
      for head in 0..<layer.shape.keyHeads {
        let lane = layer.lane(head)
        switch way {
        case 0: plan.read(rows: 0..<lane.count, of: lane.id)
        case 1: plan.read(pages: 0..<lane.pageCount, of: lane.id)
        default:
          for query in 0..<lane.group { plan.read(rows: 0..<lane.count, of: lane.id, head: query) }
        }
      }
    }
  }
}

/// Drops every third row at every step, and shows what it sees.
private struct Sieve: KVCachePolicy {
  static let name = "sieve"
  static let summary = "drops rows"
  static let source = "a test"

  var positions = PositionRule.original
  var phase = Phase.afterOutput
  var probe: Probe?
  var bulk = false
  /// Called with each lane at each step.
  var look: @Sendable (_ lane: borrowing LaneView) -> Void = { _ in }

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var signals: Set<Signal> { [.stepLogits, .stepProbabilities] }
  mutating func step(_ layer: borrowing LayerView) { layer.forEachLane { look($0) } }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let bulk = bulk
    cache.forEachLane { lane in
      guard lane.count > 20 else { return }
      let rows = lane.rowsByPosition()
      plan.drop(
        bulk ? stride(from: 1, to: rows.count, by: 2).map { rows[$0] } : [rows[5]], of: lane.id)
    }
  }
}

@Suite("A reader") struct ReaderTests {
  private let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)

  private func engine(
    _ reader: (any RowReader)?, policy: any KVCachePolicy = Keeper(), pageRows: Int = 4,
    format: RowFormat = .f32
  ) throws -> PlainEngine {
    try PlainEngine(
      .random(shape: shape, seed: 6, rotaryBase: 100), policy: policy, reader: reader,
      store: StoreConfiguration(pageRows: pageRows, format: format))
  }

  @Test("that names every row changes no bit, however it names them", arguments: 0..<3, [1, 5, 64])
  func everything(_ way: Int, page: Int) throws {
    let plain = try engine(nil)
    let named = try engine(Speaker.everything(way, digest: PageDigest(rows: page)))
    for one in [plain, named] {
      try one.read(30, chunk: 7)
      try one.step(12)
    }
    #expect(plain.outputs == named.outputs)
    #expect(named.sequence.statistics.meanReadRows == 36.5)
    #expect(plain.sequence.statistics.meanReadRows == nil)
  }

  @Test("shows the policy −∞ and 0 for rows that were not read")
  func signals() throws {
    let reader = Speaker { layer, plan in
      let lane = layer.lane(1)
      plan.read(rows: [lane.count - 1, 2, 7], of: lane.id)
    }
    var policy = Sieve()
    policy.look = { lane in
      let read = lane.id.head == 1 ? [2, 7, lane.count - 1] : Array(0..<lane.count)
      for head in 0..<lane.group {
        let (logits, probabilities) = (lane.logits(head), lane.probabilities(head))
        var total: Float = 0
        for row in 0..<lane.count {
          #expect(read.contains(row) == (logits[row] > -.infinity))
          #expect(read.contains(row) == (probabilities[row] > 0))
          total += probabilities[row]
        }
        #expect(abs(total - 1) < 1e-5)
      }
    }
    let engine = try engine(reader, policy: policy)
    try engine.read(10)
    try engine.step(3)
    // Lane 1 reads three rows, lane 0 all: 11, 12 and 13.
    #expect(engine.sequence.statistics.meanReadRows == (3 + 12) / 2.0)
    let bytes = engine.sequence.store.bytesPerToken / shape.lanes
    #expect(engine.sequence.statistics.meanReadBytes == 2 * (3 + 12) * bytes)
  }

  /// Plans that contradict the cache of ten rows.
  private static let mistakes: [(reason: String, speech: Speaker.Speech)] = [
    ("names row 11 of 11", { $1.read(rows: [11], of: $0.lane(0).id) }),
    ("names row -1 of 11", { $1.read(rows: [-1], of: $0.lane(0).id) }),
    ("names row 3 twice", { $1.read(rows: [3, 4, 3], of: $0.lane(0).id) }),
    ("no row is read", { $1.read(rows: [], of: $0.lane(0).id) }),
    ("no row is read", { $1.read(pages: [], of: $0.lane(0).id) }),
    ("names page 3 of 3", { $1.read(pages: [3], of: $0.lane(0).id) }),
    ("names page 1 twice", { $1.read(pages: [1, 1], of: $0.lane(0).id) }),
    ("not asked about", { $1.read(rows: [1], of: LaneID(layer: $0.layer + 1, head: 0)) }),
    ("not asked about", { $1.read(rows: [1], of: LaneID(layer: $0.layer, head: 2)) }),
    ("not asked about", { $1.read(rows: [1], of: $0.lane(0).id, head: 2) }),
    (
      "read by two lists",
      {
        $1.read(rows: [1], of: $0.lane(0).id)
        $1.read(rows: [2], of: $0.lane(0).id)
      }
    ),
    (
      "read by two lists",
      {
        $1.read(rows: [1], of: $0.lane(0).id, head: 1)
        $1.read(rows: [2], of: $0.lane(0).id)
      }
    ),
  ]

  @Test("whose plan contradicts the cache ends the sequence, which says why", arguments: 0..<12)
  func mistakes(_ number: Int) throws {
    let (reason, speech) = Self.mistakes[number]
    let engine = try engine(Speaker(digest: PageDigest(rows: 4), speech))
    try engine.read(10)
    for _ in 0..<2 {
      do throws(StoreError) {
        try engine.step()
        Issue.record("the plan was accepted")
      } catch {
        #expect(error.description.contains(reason), "\(error)")
      }
    }
    #expect(engine.sequence.statistics.tokens == 10)
  }

  @Test("that reads pages needs a digest")
  func undeclaredDigest() throws {
    let engine = try engine(Speaker { $1.read(pages: [0], of: $0.lane(0).id) })
    try engine.read(3)
    #expect(throws: StoreError.self) { try engine.step() }
  }

  @Test("is refused where the engine cannot serve it, with the reason")
  func declarations() throws {
    let silent = Speaker { _, _ in }
    func refuses(
      _ word: String, _ change: (inout Speaker, inout Sieve) -> Void = { _, _ in }
    ) throws {
      var (reader, policy) = (silent, Sieve())
      change(&reader, &policy)
      let error = try #require(throws: PolicyError.self) {
        try PolicyAssignment(policy, reader: reader, shape: shape)
      }
      #expect(error.description.contains(word), "\(error)")
    }
    try refuses("original positions") { $1.positions = .compacted }
    try refuses("between a step's logits") { $1.phase = .beforeOutput }
    try refuses("last queries") { reader, _ in reader.signals = [.promptRows(2)] }
    try refuses("last queries") { reader, _ in reader.signals = [.recentRows(9)] }
    try refuses("probe") { reader, policy in
      reader.signals = [.promptRows(1)]
      policy.probe = .promptTail(3, at: .trueEnd)
    }
    try refuses("pages of 0") { reader, _ in reader.digest = PageDigest(rows: 0) }
    try refuses("width") { reader, _ in reader.columns = [.ring("none", width: 0)] }
    #expect(throws: PolicyError.self) {
      try PolicyAssignment(
        try ReaderPolicy<Speaker>([:]), reader: silent, shape: shape)
    }
  }

  @Test("has columns of its own behind the policy's")
  func columns() throws {
    struct Counter: RowReader {
      static let name = "counter"
      static let summary = "counts steps by row"
      static let source = "a test"
      init() {}
      init(_ settings: inout Settings) throws(PolicyError) {}
      static func settings(rows: Int) -> [String: JSONValue] { [:] }
      func columns(for shape: CacheShape) -> [Column] { [.scalar("age", initial: 7)] }
      mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {}
      mutating func step(_ layer: borrowing LayerView) {
        layer.forEachLane { lane in
          var ages = lane.mutableColumn(0)
          for row in ages.indices { ages[row] += 1 }
        }
      }
    }
    let engine = try engine(Counter(), policy: Keeper(columns: [.scalar("own", initial: 3)]))
    try engine.read(2)
    try engine.step(2)
    let rows = engine.sequence.storedRows(layer: 1, head: 1)
    #expect(rows.map(\.columns) == [[3, 9], [3, 9], [3, 9], [3, 8]])
  }

  @Test(
    "finds every key within the bounds of its page, whatever was forgotten, forked or renumbered",
    arguments: RowFormat.allCases, [1, 3, 16])
  func bounds(_ format: RowFormat, page: Int) throws {
    let wide = CacheShape(layers: 1, keyHeads: 2, queryHeads: 4, headDimension: 32)
    let reader = Speaker(digest: PageDigest(rows: page)) { layer, _ in
      layer.forEachLane { lane in
        var bounds: [Float] = []
        lane.pageBounds(into: &bounds)
        #expect(bounds.count == lane.group * lane.pageCount)
        for head in 0..<lane.group {
          let query = lane.query(0, head: head, .atPosition)
          let rows = lane.rowsByPosition()
          lane.forEachKey(of: rows) { index, key in
            // The newest row's page is the last; the others ascend with the positions.
            let number = Int(lane.positions[rows[index]]) / page
            let numbers = Set(rows.map { Int(lane.positions[$0]) / page }).sorted()
            let bound = bounds[head * lane.pageCount + (numbers.firstIndex(of: number) ?? 0)]
            #expect(query.dot(key) <= bound + abs(bound) * 1e-5)
          }
        }
      }
    }
    for bulk in [false, true] {
      var policy = Sieve()
      policy.bulk = bulk
      let engine = try PlainEngine(
        .random(shape: wide, seed: 9, rotaryBase: 100), policy: policy, reader: reader,
        store: StoreConfiguration(pageRows: 4, format: format))
      try engine.read(25, chunk: 9)
      try engine.step(15)
      let fork = engine.fork()
      try fork.step(20)
      try engine.read(30)
      for layer in 0..<1 {
        engine.sequence.renumber(
          layer: layer, head: 0,
          order: (0..<engine.sequence.rowCount(layer: 0, head: 0)).reversed())
      }
      try engine.step(9)
      for one in [engine, fork] {
        #expect(one.sequence.checkInvariants() == nil)
        // Bounds are memory that the policy causes.
        #expect(one.sequence.statistics.policyStateBytes > 0)
      }
    }
  }

  @Test("keeps its own bounds in a fork")
  func forks() throws {
    let reader = Speaker.everything(1, digest: PageDigest(rows: 4))
    let engine = try engine(reader)
    try engine.read(9)
    let fork = engine.fork(reading: .random(shape: shape, seed: 7, rotaryBase: 100))
    try fork.step(5)
    try engine.step(9)
    for one in [engine, fork] { #expect(one.sequence.checkInvariants() == nil) }
  }
}

/// Keeps everything.
private struct Keeper: KVCachePolicy {
  static let name = "keeper"
  static let summary = "keeps everything"
  static let source = "a test"
  var columns: [Column] = []
  init(columns: [Column] = []) { self.columns = columns }
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var cadence: Cadence { .never }
  func columns(for shape: CacheShape) -> [Column] { columns }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

/// A policy that forgets what its reader tells it through a back door.
private struct Gossip: ReadingPolicy {
  static let name = "gossip"
  static let summary = "forgets what its reader named"
  static let source = "a test"

  final class Door: @unchecked Sendable {
    // Each door is used by a single task.
    var row = 0
  }

  let door = Door()
  var reader: any RowReader {
    let door = door
    return Speaker { layer, plan in
      door.row = layer.lane(0).count / 2
      plan.read(rows: [door.row], of: layer.lane(0).id)
    }
  }
  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    let lane = cache.lane(layer: cache.layers[0], head: 0)
    if lane.count > 30 { plan.drop(lane.rowsByPosition()[door.row], of: lane.id) }
  }
}

@Suite("checkPolicy and readers") struct ReaderCheckTests {
  @Test("finds a reader that does more than to name rows")
  func backDoor() {
    let violations = checkPolicy { Gossip() }
    #expect(violations.contains { $0.rule == .readsWhatItSays })
  }

  @Test("finds nothing to complain about in a reader of the latest rows")
  func sound() {
    let reader = Speaker { layer, plan in
      layer.forEachLane { plan.read(rows: $0.rowsByPosition().suffix(5), of: $0.id) }
    }
    #expect(checkPolicy(reader: reader) { Keeper() }.isEmpty)
  }
}
