import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("Heads that compete for the rows of their layer") struct AdaptiveBudgetTests {
  /// Scores that a test can compute too, of other sizes in each head.
  struct MadeScore: RowScore {
    static let name = "made"
    static let summary = "prefers rows by lot"
    static let source = "a test"

    init(_ settings: inout Settings) throws(PolicyError) {}

    static func score(_ layer: Int, _ head: Int, _ position: Int) -> Float {
      var numbers = SplitMix64(seed: SplitMix64.bits(seed: 5, at: [layer, head, position]))
      let number = Float(numbers.unit())
      // Some heads have few rows that count.
      return head == 0 ? number : number * number * number * number / Float(head)
    }

    func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
      let (positions, id) = (lane.positions, lane.id)
      return rows.map { MadeScore.score(id.layer, id.head, Int(positions[$0])) }
    }
  }

  private static let shape = CacheShape(layers: 2, keyHeads: 3, queryHeads: 3, headDimension: 2)
  private static let (prompt, capacity, recent, floor) = (40, 12, 3, 0.2)

  /// The rows that the heads of a layer keep outside the last `recent`, recomputed plainly.
  private func expected(_ layer: Int, _ rule: AdaptiveBudget.Rule, normalise: Bool) -> [Set<Int>] {
    let open = Array(0..<Self.prompt - Self.recent)
    let mean = Self.capacity - Self.recent
    let scores = (0..<Self.shape.keyHeads).map { head in
      open.map { Double(MadeScore.score(layer, head, $0)) }
    }
    let ranked = scores.map { head in open.sorted { head[$0] > head[$1] } }
    let weights = zip(scores, ranked).map { head, order in
      let best = order.prefix(mean).map { head[$0] }.reduce(0, +)
      return normalise ? best / head.reduce(0, +) : 1
    }
    // The protected rows are among the rows that a head is sure of.
    let sureRows =
      rule == .protectThenGlobal ? max(0, Int(Self.floor * Double(Self.capacity)) - Self.recent) : 0
    var taken = Array(repeating: sureRows, count: scores.count)
    let others = scores.indices.flatMap { head in
      ranked[head].dropFirst(sureRows).map { (head, scores[head][$0] * weights[head]) }
    }
    for (head, _) in others.sorted(by: { $0.1 > $1.1 })
      .prefix(scores.count * (mean - sureRows))
    {
      taken[head] += 1
    }
    if rule == .globalThenFloor {
      let sure = Double(Int(Self.floor * Double(mean)))
      taken = taken.map { Int((Double($0) * (1 - Self.floor) + sure).rounded(.toNearestOrEven)) }
    }
    return zip(ranked, taken).map { Set($0.prefix($1)) }
  }

  @Test(
    "keep what a plain recomputation keeps, with scores as they are and normalised",
    arguments: AdaptiveBudget.Rule.allCases, [false, true])
  func shares(_ rule: AdaptiveBudget.Rule, normalise: Bool) throws {
    let shape = Self.shape
    let policy = try PolicyRegistry.all.adding(score: MadeScore.self).make(
      "made",
      [
        "capacity": .integer(Self.capacity), "protect": ["recent": .integer(Self.recent)],
        "budget": [
          "kind": "adaptive", "floor": .number(Self.floor), "rule": .string(rule.rawValue),
          "normalise": .bool(normalise),
        ],
      ], shape: shape)
    let engine = try PlainEngine(.random(shape: shape, seed: 1), policy: policy)
    try engine.read(Self.prompt)
    for (lane, kept) in engine.keptNow.enumerated() {
      let (layer, head) = (lane / shape.keyHeads, lane % shape.keyHeads)
      let want = expected(layer, rule, normalise: normalise)[head]
      #expect(Set(kept) == want.union(Self.prompt - Self.recent..<Self.prompt))
      let plain = expected(layer, rule, normalise: !normalise)
      #expect(plain != expected(layer, rule, normalise: normalise))
    }
  }
}
