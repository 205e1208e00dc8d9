import Testing

@testable import KVPolicyKit
@testable import ReferenceModel

/// What a ``QueryReader`` found. It serves one session, which calls its hooks one after the other.
private final class Findings: @unchecked Sendable {
  /// The greatest difference between a vector turned by hand and as it was lent.
  var worst: Float = 0
  /// The un-rotated queries of the first layer, token by token.
  var queries: [[Float]] = []
  /// The un-rotated keys of the first layer's first lane, by position.
  var keys: [Int32: [Float]] = [:]
  var moved = 0
}

/// Compares raw queries and keys, turned by hand, with the turned vectors that it is lent.
private struct QueryReader: KVCachePolicy {
  static let name = "query-reader"
  static let summary = "reads queries and keys"
  static let source = "a test"

  let rule: PositionRule
  let found: Findings

  init(_ rule: PositionRule, _ found: Findings) { (self.rule, self.found) = (rule, found) }
  init(_ settings: inout Settings) throws(PolicyError) { self.init(.original, Findings()) }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { [.queries(.raw), .queries(.atPosition)] }
  var positions: PositionRule { rule }
  var cadence: Cadence { Cadence(prompt: .everyChunk, every: 1) }

  mutating func prefill(_ layer: borrowing LayerView) { read(layer) }
  mutating func step(_ layer: borrowing LayerView) { read(layer) }

  private func read(_ layer: borrowing LayerView) {
    layer.forEachLane { lane in
      for token in 0..<lane.queryCount {
        // The newest tokens have the last rows.
        let row = lane.count - lane.queryCount + token
        let place = rule == .original ? lane.positions[row] : lane.lane.places[row]
        if place != lane.positions[row] { found.moved += 1 }
        for head in 0..<lane.group {
          let raw = copy(lane.query(token, head: head, .raw))
          compare(raw, lane.query(token, head: head, .atPosition), at: place, lane)
          if lane.id == LaneID(layer: 0, head: 0), head == 0 { found.queries.append(raw) }
        }
      }
      let rows = Array(0..<lane.count)
      var raw: [[Float]] = []
      lane.forEachKey(of: rows, .raw) { raw.append(copy($1)) }
      lane.forEachKey(of: rows, .atPosition) { row, key in
        compare(
          raw[row], key, at: rule == .original ? lane.positions[row] : lane.lane.places[row], lane)
      }
      guard lane.id == LaneID(layer: 0, head: 0) else { return }
      for (row, key) in raw.enumerated() { found.keys[lane.positions[row]] = key }
    }
  }

  private func copy(_ span: Span<Float>) -> [Float] { span.indices.map { span[$0] } }

  private func compare(
    _ raw: [Float], _ turned: Span<Float>, at place: Int32, _ lane: borrowing LaneView
  ) {
    var vector = raw
    var span = vector.mutableSpan
    lane.rotation?.turn(&span, to: Int(place))
    for element in turned.indices {
      found.worst = max(found.worst, abs(vector[element] - turned[element]))
    }
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    cache.forEachLane { lane in
      let rows = lane.rowsByPosition()
      guard rows.count > 20 else { return }
      plan.drop(rows.prefix(3 + lane.id.head), of: lane.id)
    }
  }
}

@Suite("Queries and keys, un-rotated and rotated") struct QueryTests {
  private func run(_ rule: PositionRule, of name: String) throws -> (Findings, LlamaSession) {
    let model = LlamaModel(try ModelFiles.open(OracleCase.root + "/models/\(name)"), threads: 2)
    let found = Findings()
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let session = model.makeSession(
      store.makeSequence(try PolicyAssignment(QueryReader(rule, found), shape: model.shape)))
    try session.prefill(Array(0..<31), chunk: 8)
    for token in 20..<30 { try session.decode(token) }
    return (found, session)
  }

  @Test(
    "differ by the rotation at the place of their row", arguments: PositionRule.allCases,
    ["llama", "llama3rope", "qwen3"])
  func turns(rule: PositionRule, name: String) throws {
    let (found, session) = try run(rule, of: name)
    #expect(found.worst < 2e-5)
    #expect(found.queries.count == 41 && found.keys.count == 41)
    // Under the rule `placed` rows stay at their positions until a plan moves them.
    #expect((found.moved > 0) == (rule == .compacted))
    // Once per layer and chunk, and once per layer and step.
    #expect(session.signalCounts.queries == session.model.shape.layers * (4 + 10))
    // No position and no rule changes what the first layer computes from its token.
    let (reference, _) = try run(.original, of: name)
    #expect(found.queries == reference.queries)
    for (position, key) in found.keys {
      let other = try #require(reference.keys[position])
      #expect(zip(key, other).allSatisfy { abs($0 - $1) < 2e-5 })
    }
  }

  @Test("of a mean over positions turn as the mean of the turned")
  func mean() {
    for pairing in [Rotation.Pairing.halves, .neighbours] {
      let rotation = Rotation(inverseFrequencies: [1, 0.1, 0.01], pairing: pairing)
      let vector: [Float] = [1, -2, 3, 0.5, 4, -1, 7]
      var mean = [Float](repeating: 0, count: 7)
      for position in 5..<25 {
        var turned = vector
        do {
          var span = turned.mutableSpan
          rotation.turn(&span, to: position)
        }
        for element in mean.indices { mean[element] += turned[element] / 20 }
        var span = turned.mutableSpan
        rotation.turnBack(&span, from: position)
        #expect(zip(vector, turned).allSatisfy { abs($0 - $1) < 1e-5 })
      }
      var turned = vector
      var span = turned.mutableSpan
      rotation.turn(&span, by: rotation.mean(over: 5..<25))
      #expect(zip(mean, turned).allSatisfy { abs($0 - $1) < 1e-5 })
      // An element that belongs to no pair stays.
      #expect(turned[6] == 7)
    }
  }
}
