import KVPolicyKit
import Policies
import ReferenceModel
import TestSupport
import Testing

@Suite("A session with a reader")
struct ReaderEngineTests {
  private let model: LlamaModel

  init() throws { model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/llama")) }

  private func logits(
    _ policies: PolicyAssignment, prompt: Int, steps: Int, format: RowFormat = .f32
  ) throws -> (rows: [[Float]], session: LlamaSession) {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: format))
    let session = model.makeSession(store.makeSequence(policies))
    let text = (0..<prompt + steps).map { ($0 * 37 + $0 / 5 * 11 + 3) % 64 }
    try session.prefill(Array(text[..<prompt]), chunk: 50)
    var rows: [[Float]] = []
    for token in text[prompt...] {
      try session.decode(token)
      let row = session.logits
      rows.append(row.indices.map { row[$0] })
    }
    return (rows, session)
  }

  @Test(
    "that names every row computes the same bits as full attention",
    arguments: [
      #"{"kind": "quest", "budget": 4096, "pageSize": 7, "denseLayers": 1}"#,
      #"{"kind": "quest", "budget": 4096, "gqa": "perQueryHead"}"#,
      #"{"kind": "refreshkv", "partial": 4096}"#,
      #"{"kind": "clusterkv", "budget": 4096, "clusters": 7, "denseLayers": 0}"#,
    ], [RowFormat.f32, .f16])
  func everything(_ read: String, format: RowFormat) throws {
    let plain = try logits(
      PolicyConfiguration("full").makePolicies(.all, shape: model.shape), prompt: 300, steps: 6,
      format: format)
    let policies = try PolicyConfiguration(parsing: #"{"policy": "full", "read": \#(read)}"#)
      .makePolicies(.all, shape: model.shape)
    let named = try logits(policies, prompt: 300, steps: 6, format: format)
    #expect(plain.rows == named.rows)
    #expect(plain.session.signalCounts.reads == 0)
    #expect(named.session.signalCounts.reads > 0)
    // Of three layers in six steps, those that are not read whole show no probabilities.
    let counts = named.session.signalCounts
    #expect(counts.stepProbabilities + counts.reads <= 18)
  }

  /// Reads three rows of one lane, and notes what a policy is shown of them.
  private struct Few: RowReader {
    static let name = "few"
    static let summary = "reads three rows"
    static let source = "a test"
    let isPerHead: Bool
    init(isPerHead: Bool) { self.isPerHead = isPerHead }
    init(_ settings: inout Settings) throws(PolicyError) { isPerHead = false }
    static func settings(rows: Int) -> [String: JSONValue] { [:] }
    mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
      let lane = layer.lane(1)
      plan.read(rows: [lane.count - 1, 2, 150], of: lane.id, head: isPerHead ? 1 : nil)
    }
  }

  /// Compares the bounds of a lane's pages, which the engine computes, with the keys of each page.
  private struct BoundsCheck: RowReader {
    static let name = "bounds"
    static let summary = "checks bounds"
    static let source = "a test"
    var digest: PageDigest? { PageDigest(rows: 7) }
    init() {}
    init(_ settings: inout Settings) throws(PolicyError) {}
    static func settings(rows: Int) -> [String: JSONValue] { [:] }
    mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
      for head in 0..<layer.shape.keyHeads {
        let lane = layer.lane(head)
        var bounds: [Float] = []
        lane.pageBounds(into: &bounds)
        #expect(bounds.count == lane.group * lane.pageCount)
        let none = [Float](repeating: -.infinity, count: lane.headDimension)
        var (negated, greatest) = (
          Array(repeating: none, count: lane.pageCount),
          Array(repeating: none, count: lane.pageCount)
        )
        lane.forEachKey(of: Array(0..<lane.count)) { row, key in
          for channel in 0..<key.count {
            greatest[row / 7][channel] = max(greatest[row / 7][channel], key[channel])
            negated[row / 7][channel] = max(negated[row / 7][channel], -key[channel])
          }
        }
        for head in 0..<lane.group {
          let query = lane.query(0, head: head, .atPosition)
          for page in 0..<lane.pageCount {
            let products = (0..<query.count).map {
              max(query[$0] * greatest[page][$0], -query[$0] * negated[page][$0])
            }
            let size = products.reduce(0) { $0 + abs($1) }
            let bound = bounds[head * lane.pageCount + page]
            #expect(abs(bound - products.reduce(0, +)) <= 1e-5 * size)
          }
        }
      }
    }
  }

  @Test("is given the bounds of all pages", arguments: [RowFormat.f32, .f16])
  func pageBounds(format: RowFormat) throws {
    let policies = try PolicyAssignment(FullCache([:]), reader: BoundsCheck(), shape: model.shape)
    let session = try logits(policies, prompt: 200, steps: 3, format: format).session
    #expect(session.sequence.length.tokens == 203)
  }

  /// Checks the signals of steps that read three rows of lane 1.
  private struct Watcher: KVCachePolicy {
    static let name = "watcher"
    static let summary = "watches"
    static let source = "a test"
    let isPerHead: Bool
    var phase = Phase.afterOutput
    init(isPerHead: Bool, phase: Phase) { (self.isPerHead, self.phase) = (isPerHead, phase) }
    init(_ settings: inout Settings) throws(PolicyError) { isPerHead = false }
    static func settings(budget: Amount) -> [String: JSONValue]? { nil }
    var signals: Set<Signal> { [.stepLogits, .stepProbabilities] }
    mutating func step(_ layer: borrowing LayerView) {
      layer.forEachLane { lane in
        for head in 0..<lane.group {
          let isPart = lane.id.head == 1 && (head == 1 || !isPerHead)
          let read = isPart ? [2, 150, lane.count - 1] : Array(0..<lane.count)
          let (logits, probabilities) = (lane.logits(head), lane.probabilities(head))
          var total: Float = 0
          for row in 0..<lane.count {
            #expect(read.contains(row) == (logits[row] > -.infinity))
            #expect(read.contains(row) || probabilities[row] == 0)
            total += probabilities[row]
          }
          #expect(abs(total - 1) < 1e-4)
        }
      }
    }
    mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
  }

  @Test(
    "shows a policy −∞ and 0 for rows that were not read", arguments: [false, true],
    [Phase.afterOutput, .beforeStep])
  func signals(isPerHead: Bool, phase: Phase) throws {
    let policies = try PolicyAssignment(
      Watcher(isPerHead: isPerHead, phase: phase), reader: Few(isPerHead: isPerHead),
      shape: model.shape)
    let session = try logits(policies, prompt: 200, steps: 3).session
    // Of three layers in three steps.
    #expect(session.signalCounts.reads == 9)
    let perLane = isPerHead ? (3.0 + 202) / 2 : 3
    #expect(session.sequence.statistics.meanReadRows == (perLane + 202) / 2)
  }

  @Test("decodes in a batch as alone, one thread or two")
  func threads() throws {
    let text = #"{"policy": "quest", "budget": 32, "pageSize": 8, "denseLayers": 0}"#
    let runs = try [1, 2].map { threads in
      let model = LlamaModel(
        try ModelFiles.open(OracleCase.root + "/models/llama"), threads: threads)
      let store = try PagedKVStore(shape: model.shape)
      let policies = try PolicyConfiguration(parsing: text)
        .makePolicies(.all, shape: model.shape)
      let session = model.makeSession(store.makeSequence(policies))
      try session.prefill((0..<400).map { $0 * 7 % 64 })
      for token in 0..<9 { try session.decode(token) }
      let row = session.logits
      return row.indices.map { row[$0] }
    }
    #expect(runs[0] == runs[1])
  }
}
