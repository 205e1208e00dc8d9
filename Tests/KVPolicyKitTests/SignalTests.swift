import Foundation
import KVPolicyTesting
import Testing

@testable import KVPolicyKit

/// Reads every prompt row that it receives; evicts and places rows between chunks.
private struct PromptReader: KVCachePolicy {
  static let name = "prompt-reader"
  static let summary = "reads the prompt's rows"
  static let source = "a test"

  /// One query, as the policy received it with one lane.
  struct Query {
    let layer: Int
    let head: Int
    /// Tokens read at that moment.
    let tokens: Int
    let position: Int
    /// The rows of the lane.
    let rows: [(position: Int, place: Int)]
    /// The attention logits of each query head of the group.
    let logits: [[Float]]
    let logSums: [Float]
  }

  let rule: PositionRule
  let forgets: Bool
  let count: Int
  private(set) var queries: [Query] = []

  init(_ rule: PositionRule, forgets: Bool, queries count: Int) {
    (self.rule, self.forgets, self.count) = (rule, forgets, count)
  }
  init(_ settings: inout Settings) throws(PolicyError) {
    self.init(.original, forgets: false, queries: 1)
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { [.promptRows(count)] }
  var positions: PositionRule { rule }
  var cadence: Cadence { Cadence(prompt: .everyChunk, every: 0) }

  mutating func prefill(_ layer: borrowing LayerView) {
    let tokens = layer.length.tokens
    var found: [Query] = []
    layer.forEachLane { lane in
      let rows = (0..<lane.count).map { row in
        let position = Int(lane.positions[row])
        return (position, rule == .original ? position : Int(lane.lane.places[row]))
      }
      lane.forEachPromptRow { row in
        found.append(
          Query(
            layer: lane.id.layer, head: lane.id.head, tokens: tokens, position: row.position,
            rows: rows,
            logits: (0..<lane.group).map { head in
              let logits = row.logits(head)
              return logits.indices.map { logits[$0] }
            }, logSums: (0..<lane.group).map { row.logSum($0) }))
      }
    }
    queries += found
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard forgets else { return }
    cache.forEachLane { lane in
      // Drops every third row, and more in the second lane, which includes rows of remembered
      // queries.
      let rows = lane.rowsByPosition()
      plan.keep(rows.filter { $0 % 3 != lane.id.head && rows.count > 4 }, of: lane.id)
      guard rule == .placed else { return }
      let tokens = lane.length.tokens
      plan.place((0..<lane.count).map { Int(lane.positions[$0]) * 5 % tokens }, of: lane.id)
    }
  }
}

/// Reads a signal during `evict`.
private struct EvictReader: KVCachePolicy {
  static let name = "evict-reader"
  static let summary = "reads a signal when it evicts"
  static let source = "a test"

  var phase = Phase.afterOutput
  var scope = Scope.layer
  var signals: Set<Signal> = [.stepProbabilities]

  init(phase: Phase = .afterOutput, scope: Scope = .layer) {
    (self.phase, self.scope) = (phase, scope)
  }
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard case .step = cache.moment else { return }
    let lane = cache.lane(layer: cache.layers[0], head: 0)
    let row = lane.probabilities(0)
    precondition(row.count == lane.count)
  }
}

@Suite("A signal") struct SignalTests {
  private static let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)
  private static let base = 100.0

  private func run(_ policy: PromptReader) throws -> [PromptReader.Query] {
    let engine = try PlainEngine(
      .random(shape: Self.shape, seed: 4, rotaryBase: Self.base), policy: policy)
    try engine.read(34, chunk: 5)
    #expect(engine.sequence.checkInvariants() == nil)
    return try #require(engine.sequence.policy(ofLayer: 0) as? PromptReader).queries
  }

  /// Rotates pairs of adjacent elements by the angles of a place.
  private func rotated(_ vector: [Float], at place: Int) -> [Double] {
    var result = vector.map { Double($0) }
    for index in stride(from: 0, to: vector.count, by: 2) {
      let angle = Double(place) * pow(Self.base, -Double(index) / Double(vector.count))
      let (x, y) = (result[index], result[index + 1])
      result[index] = x * cos(angle) - y * sin(angle)
      result[index + 1] = x * sin(angle) + y * cos(angle)
    }
    return result
  }

  @Test(
    "of the prompt's rows rotates older queries where the lane has their tokens now",
    arguments: PositionRule.allCases, [true, false])
  func promptRows(rule: PositionRule, forgets: Bool) throws {
    let source = SyntheticAttention.random(shape: Self.shape, seed: 4)
    let queries = try run(PromptReader(rule, forgets: forgets, queries: 12))
    // There are seven chunks; all twelve queries are available from the third chunk on.
    #expect(queries.count == (5 + 10 + 5 * 12) * Self.shape.lanes)
    var older = 0
    for query in queries {
      let own = query.rows.first { $0.position == query.position }?.place
      let earlier = query.rows.filter { $0.position < query.position }.map(\.place)
      let place = rule == .original ? query.position : own ?? (earlier.max() ?? -1) + 1
      if place != query.position { older += 1 }
      for (head, logits) in query.logits.enumerated() {
        let queryHead = query.head * Self.shape.group + head
        let vector = rotated(source.query(query.layer, queryHead, query.position), at: place)
        for (row, logit) in zip(query.rows, logits) {
          guard row.position <= query.position else {
            #expect(logit == -.infinity)
            continue
          }
          let key = rotated(source.key(query.layer, query.head, row.position), at: row.place)
          let exact = zip(vector, key).reduce(0) { $0 + $1.0 * $1.1 } / 8.0.squareRoot()
          try #require(abs(Double(logit) - exact) < 1e-5)
        }
      }
    }
    #expect((older > 0) == (forgets && rule != .original))
  }

  @Test(
    "of a query about its own row is the same after every chunk, wherever its token is placed",
    arguments: [PositionRule.compacted, .placed])
  func ownRow(rule: PositionRule) throws {
    /// By layer, query head and position: the attention logits of the query for its own row, chunk
    /// after chunk.
    func own(_ policy: PromptReader) throws -> [[Int]: [Float]] {
      var found: [[Int]: [Float]] = [:]
      for query in try run(policy) {
        let row = query.rows.firstIndex { $0.position == query.position }
        guard let row else { continue }
        for (head, logits) in query.logits.enumerated() {
          found[[query.layer, query.head, head, query.position], default: []].append(logits[row])
        }
      }
      return found
    }
    let reference = try own(PromptReader(.original, forgets: false, queries: 12))
    let moved = try own(PromptReader(rule, forgets: true, queries: 12))
    #expect(moved.values.contains { $0.count > 1 })
    for (key, logits) in moved {
      let expected = try #require(reference[key]?.first)
      #expect(logits.allSatisfy { abs($0 - expected) < 1e-4 }, "\(key)")
    }
  }

  @Test(
    "of a query comes with the sum over what it saw when it was read, after every chunk",
    arguments: PositionRule.allCases)
  func logSums(rule: PositionRule) throws {
    var first: [[Int]: [Float]] = [:]
    for query in try run(PromptReader(rule, forgets: true, queries: 12)) {
      let key = [query.layer, query.head, query.position]
      if let logSums = first[key] {
        #expect(query.logSums == logSums)
        continue
      }
      // No row that this query attended to was forgotten yet.
      first[key] = query.logSums
      for (logits, logSum) in zip(query.logits, query.logSums) {
        let exact = log(logits.reduce(0) { $0 + exp(Double($1)) })
        #expect(abs(Double(logSum) - exact) < 1e-5)
      }
    }
    #expect(first.count == 34 * Self.shape.lanes)
  }

  /// The message of a process that traps.
  private func message(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test("read in evict before the step traps, and the message says where to read it")
  func beforeStep() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let engine = try PlainEngine(
        .weights { _, _ in 1 }, policy: EvictReader(phase: .beforeStep))
      try engine.read(3)
      try engine.step()
    }
    #expect(message(result).contains("phase beforeStep; read it in prefill or step"))
  }

  @Test("read in evict of a whole sequence traps, and the message says where to read it")
  func ofSequence() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let engine = try PlainEngine(
        .weights { _, _ in 1 }, policy: EvictReader(scope: .sequence))
      try engine.read(3)
      try engine.step()
    }
    #expect(message(result).contains("none under scope sequence"))
    #expect(message(result).contains("read it in prefill or step"))
  }

  @Test("read in evict after the output, or before it, is lent")
  func lent() throws {
    for phase in [Phase.afterOutput, .beforeOutput] {
      let engine = try PlainEngine(.weights { _, _ in 1 }, policy: EvictReader(phase: phase))
      try engine.read(3)
      try engine.step(2)
    }
  }
}
