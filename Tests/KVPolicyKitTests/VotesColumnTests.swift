import KVPolicyKit
import KVPolicyTesting
import Testing

/// Remembers every step in a ring of votes, and drops one row a step: by age, or by its number.
private struct Voter: KVCachePolicy {
  static let name = "voter"
  static let summary = "remembers votes"
  static let source = "nothing to publish"

  let capacity: Int
  private var recorded = 0

  init(capacity: Int) { self.capacity = capacity }
  init(_ settings: inout Settings) throws(PolicyError) { capacity = 4 }
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var signals: Set<Signal> { [.stepLogits] }
  func columns(for shape: CacheShape) -> [Column] {
    [.votes("votes", voters: 3, heads: shape.group)]
  }

  mutating func step(_ layer: borrowing LayerView) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      for query in 0..<lane.group {
        lane.remember(
          lane.logits(query), column: 0, entry: recorded % 3 * lane.group + query, horizon: .max)
      }
    }
    recorded += 1
  }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
    for head in 0..<cache.shape.keyHeads {
      let lane = cache.lane(layer: 0, head: head)
      if lane.count > capacity { plan.drop(recorded % (lane.count - 1), of: lane.id) }
    }
  }
}

@Suite("A column of votes") struct VotesColumnTests {
  private static let shape = CacheShape(layers: 1, keyHeads: 2, queryHeads: 4, headDimension: 2)

  private func engine() throws -> PlainEngine {
    try PlainEngine(
      .random(shape: Self.shape, seed: 5), policy: Voter(capacity: 11),
      store: StoreConfiguration(pageRows: 4, format: .f32))
  }

  /// The vote as the engine would compute it: relative to the largest.
  private func expectVotes(_ engine: PlainEngine) {
    let tokens = engine.sequence.length.tokens
    for head in 0..<2 {
      for row in engine.sequence.storedRows(layer: 0, head: head) {
        for voter in max(5, tokens - 3)..<tokens {
          // Steps were recorded from token 5 on.
          let slot = (voter - 5) % 3
          for query in 0..<2 {
            let found = row.columns[slot * 2 + query]
            guard voter >= row.position else {
              #expect(found == 0, "an undefined vote is shown as 0")
              continue
            }
            #expect(found > 0 && found <= 1)
          }
        }
      }
    }
  }

  @Test("is defined for the rows that were there, and 0 to who looks at the others")
  func undefined() throws {
    let engine = try engine()
    try engine.read(5)
    for _ in 0..<40 {
      try engine.step()
      expectVotes(engine)
    }
  }

  @Test("moves with its rows when they are dropped one by one, and forks")
  func moves() throws {
    let engine = try engine()
    try engine.read(5)
    try engine.step(20)
    for _ in 0..<20 {
      let before = engine.sequence.storedRows(layer: 0, head: 1)
      let fork = engine.fork()
      var plan = CachePlan()
      plan.drop(2, of: LaneID(layer: 0, head: 1))
      try fork.sequence.apply(plan)
      let dropped = before[2].position
      let after = fork.sequence.storedRows(layer: 0, head: 1)
      #expect(Set(after) == Set(before.filter { $0.position != dropped }))
      #expect(engine.sequence.storedRows(layer: 0, head: 1) == before)
      plan.removeAll()
      plan.keep([0, 3, 4], of: LaneID(layer: 0, head: 1))
      try fork.sequence.apply(plan)
      #expect(fork.sequence.storedRows(layer: 0, head: 1) == [0, 3, 4].map { after[$0] })
      try engine.step()
    }
  }
}
