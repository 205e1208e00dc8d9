import Foundation
import Testing

@testable import KVPolicyKit
@testable import ReferenceModel

/// The parts of the engine that a policy's hooks see.
private final class Peephole: @unchecked Sendable {
  // A peephole serves one session, which calls its hooks one after the other.
  weak var session: LlamaSession?
  /// Per layer and position: the query of every head, as the engine stores it.
  var queries: [[Int: [Float]]] = Array(repeating: [:], count: 8)
  var rows: [Row] = []

  /// One prompt row of one lane, and its expected values.
  struct Row {
    let id: LaneID
    let tokens: Int
    let position: Int
    let places: [Int]
    let positions: [Int]
    let keys: [[Float]]
    let logits: [[Float]]
    let logSums: [Float]
  }
}

/// Reads every prompt row after every chunk; evicts and places rows in between.
private struct Reader: KVCachePolicy {
  static let name = "reader"
  static let summary = "reads the prompt's rows"
  static let source = "a test"

  let rule: PositionRule
  let forgets: Bool
  /// Whether it reads the rows of decoded queries too.
  let decodes: Bool
  let hole: Peephole

  init(_ rule: PositionRule, forgets: Bool, decodes: Bool, _ hole: Peephole) {
    (self.rule, self.forgets, self.decodes, self.hole) = (rule, forgets, decodes, hole)
  }
  init(_ settings: inout Settings) throws(PolicyError) {
    self.init(.original, forgets: false, decodes: false, Peephole())
  }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { decodes ? [.recentRows(21)] : [.promptRows(21)] }
  var positions: PositionRule { rule }
  var cadence: Cadence { Cadence(prompt: .everyChunk, every: 5) }

  mutating func prefill(_ layer: borrowing LayerView) { read(layer) }
  mutating func step(_ layer: borrowing LayerView) { if decodes { read(layer) } }

  private func read(_ layer: borrowing LayerView) {
    guard let session = hole.session else { return }
    let recent = session.recentQueries[layer.layer]
    let tokenWidth = layer.shape.queryHeads * layer.shape.headDimension
    for (index, position) in recent.positions.enumerated() {
      // The query buffer holds this many queries.
      hole.queries[layer.layer][position] = (0..<tokenWidth).map {
        unsafe recent.base[index * tokenWidth + $0]
      }
    }
    let (tokens, width) = (layer.length.tokens, layer.shape.headDimension)
    layer.forEachLane { lane in
      let floats = lane.keys(of: Array(0..<lane.count))
      let keys = (0..<lane.count).map { Array(floats[$0 * width..<($0 + 1) * width]) }
      let places = (0..<lane.count).map {
        Int(rule == .original ? lane.positions[$0] : lane.lane.places[$0])
      }
      let positions = (0..<lane.count).map { Int(lane.positions[$0]) }
      func note(_ row: borrowing PromptRow) {
        hole.rows.append(
          Peephole.Row(
            id: lane.id, tokens: tokens, position: row.position, places: places,
            positions: positions, keys: keys,
            logits: (0..<lane.group).map { head in
              let logits = row.logits(head)
              return logits.indices.map { logits[$0] }
            }, logSums: (0..<lane.group).map { row.logSum($0) }))
      }
      if decodes {
        lane.forEachRecentRow { note($0) }
      } else {
        lane.forEachPromptRow { note($0) }
      }
    }
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    guard forgets else { return }
    cache.forEachLane { lane in
      let rows = lane.rowsByPosition()
      plan.keep(rows.filter { $0 % 4 != lane.id.head }, of: lane.id)
      guard rule == .placed else { return }
      let tokens = lane.length.tokens
      plan.place((0..<lane.count).map { Int(lane.positions[$0]) * 3 % tokens }, of: lane.id)
    }
  }
}

@Suite("The engine's prompt rows") struct PromptRowTests {
  private func run(
    _ rule: PositionRule, forgets: Bool, decodes: Bool = false, of name: String = "llama",
    threads: Int = 2
  ) throws -> (Peephole, LlamaModel) {
    let model = LlamaModel(
      try ModelFiles.open(OracleCase.root + "/models/\(name)"), threads: threads)
    let hole = Peephole()
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let policy = Reader(rule, forgets: forgets, decodes: decodes, hole)
    let session = model.makeSession(
      store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
    hole.session = session
    let tokens = (0..<50).map { (token: Int) -> Int in (token * 37 + token / 5 * 11 + 3) % 64 }
    try session.prefill(tokens, chunk: 9)
    if decodes {
      for token in 0..<11 { try session.decode(token * 5) }
      // A second prompt, over lanes that were cut, and the steps after it.
      try session.prefill(Array(tokens.prefix(12)), chunk: 9)
      for token in 0..<30 { try session.decode(token * 2) }
    }
    #expect(session.sequence.checkInvariants() == nil)
    return (hole, model)
  }

  /// Rotates a vector of one head to a place, in double precision.
  private func rotated(_ vector: [Float], at place: Int, _ rope: RopeConfiguration) -> [Double] {
    let half = vector.count / 2
    var result = vector.map { Double($0) }
    for pair in 0..<half {
      let angle =
        Double(place) * rope.scaled(1 / pow(rope.theta, Double(2 * pair) / Double(vector.count)))
      let (i, j) = rope.pairing == .halves ? (pair, pair + half) : (2 * pair, 2 * pair + 1)
      let (x, y) = (result[i], result[j])
      result[i] = x * cos(angle) - y * sin(angle)
      result[j] = x * sin(angle) + y * cos(angle)
    }
    return result
  }

  @Test(
    "are the products of queries and stored keys, each rotated where the lane has its token now",
    arguments: PositionRule.allCases,
    [("llama", true, false), ("llama", false, true), ("llama", true, true), ("qwen3", true, true)])
  func products(
    rule: PositionRule, run: (model: String, forgets: Bool, decodes: Bool)
  ) throws {
    let forgets = run.forgets
    let (hole, model) = try self.run(
      rule, forgets: forgets, decodes: run.decodes, of: run.model)
    // The newest token is always among the queries, and so are up to twenty before it.
    let newest = Dictionary(grouping: hole.rows.filter { $0.id.layer == 0 }, by: \.tokens)
    #expect(newest.count == (run.decodes ? 6 + 11 + 2 + 30 : 6))
    for (tokens, rows) in newest {
      let queries = Set(rows.map(\.position))
      #expect(queries == Set(max(0, tokens - 21)..<tokens))
    }
    let (shape, rope) = (model.shape, model.configuration.rope)
    let width = shape.headDimension
    var moved = 0
    for row in hole.rows {
      let own = row.positions.firstIndex(of: row.position).map { row.places[$0] }
      let earlier = row.positions.indices.filter { row.positions[$0] < row.position }
      let place =
        rule == .original
        ? row.position : own ?? (earlier.map { row.places[$0] }.max() ?? -1) + 1
      if place != row.position { moved += 1 }
      let all = try #require(hole.queries[row.id.layer][row.position])
      for (head, logits) in row.logits.enumerated() {
        let queryHead = row.id.head * shape.group + head
        let stored = Array(all[queryHead * width..<(queryHead + 1) * width])
        // Under the rule `original`, query and key were both rotated when they were stored.
        let query = rule == .original ? stored.map(Double.init) : rotated(stored, at: place, rope)
        for index in row.positions.indices {
          guard row.positions[index] <= row.position else {
            #expect(logits[index] == -.infinity)
            continue
          }
          let key =
            rule == .original
            ? row.keys[index].map(Double.init)
            : rotated(row.keys[index], at: row.places[index], rope)
          let exact = zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Double(width).squareRoot()
          try #require(abs(Double(logits[index]) - exact) < 1e-4)
        }
      }
    }
    #expect((moved > 0) == (forgets && rule != .original))
  }

  @Test(
    "of a first layer's query about its own row are those under original positions, after every chunk",
    arguments: [PositionRule.compacted, .placed])
  func ownRows(rule: PositionRule) throws {
    /// By head and position, in the first layer, where no eviction changes queries and keys.
    func own(_ hole: Peephole) -> [[Int]: [Float]] {
      var found: [[Int]: [Float]] = [:]
      for row in hole.rows where row.id.layer == 0 {
        guard let index = row.positions.firstIndex(of: row.position) else { continue }
        for (head, logits) in row.logits.enumerated() {
          found[[row.id.head, head, row.position], default: []].append(logits[index])
        }
      }
      return found
    }
    let reference = own(try run(.original, forgets: false).0)
    let moved = own(try run(rule, forgets: true).0)
    #expect(moved.values.contains { $0.count > 1 })
    for (key, logits) in moved {
      let expected = try #require(reference[key]?.first)
      #expect(logits.allSatisfy { abs($0 - expected) < 1e-4 }, "\(key)")
    }
  }

  @Test(
    "come with the sum over what their query saw when it was read, after every chunk",
    arguments: PositionRule.allCases, [false, true])
  func logSums(rule: PositionRule, decodes: Bool) throws {
    var first: [[Int]: [Float]] = [:]
    for row in try run(rule, forgets: true, decodes: decodes).0.rows {
      let key = [row.id.layer, row.id.head, row.position]
      if let logSums = first[key] {
        #expect(row.logSums == logSums)
        continue
      }
      // No row that this query attended to was forgotten yet.
      first[key] = row.logSums
      for (logits, logSum) in zip(row.logits, row.logSums) {
        let exact = log(logits.reduce(0) { $0 + exp(Double($1)) })
        #expect(abs(Double(logSum) - exact) < 1e-5)
      }
    }
    #expect(first.count == (decodes ? 50 + 11 + 12 + 30 : 50) * 6)
  }

  @Test("are the same bits on any number of threads")
  func threads() throws {
    let all = try [1, 2, 3].map { threads in
      try run(.placed, forgets: true, decodes: true, threads: threads).0.rows.map(\.logits)
    }
    #expect(all[0] == all[1] && all[0] == all[2])
  }
}
