import Foundation
import KVPolicyKit
import KVPolicyTesting
import Testing

@testable import Policies

@Suite("The statistics of ForesightKV") struct ForesightStatisticsTests {
  /// One cut of one lane: what the score computed, and the numbers to compute it from.
  struct Cut {
    let lane: LaneID
    let tokens: Int
    let positions: [Int]
    /// Of each query its position and, by query head, its logits.
    let queries: [(position: Int, logits: [[Double]])]
    let statistics: [[Float]]
  }

  /// A policy's copies write here; a test runs them one after the other.
  final class Notes: @unchecked Sendable {
    var cuts: [Cut] = []
  }

  /// Asks the score at its moments, and forgets every fourth row of the others.
  struct Asker: KVCachePolicy {
    static let name = "asker"
    static let summary = "asks for statistics"
    static let source = "a test"

    let score: ForesightScore
    let notes: Notes

    init(_ score: ForesightScore, _ notes: Notes) { (self.score, self.notes) = (score, notes) }
    init(_ settings: inout Settings) throws(PolicyError) {
      self.init(try ForesightScore(&settings), Notes())
    }
    static func settings(budget: Amount) -> [String: JSONValue]? { nil }

    var signals: Set<Signal> { score.signals }
    func columns(for shape: CacheShape) -> [Column] { score.columns(for: shape) }
    var cadence: Cadence {
      Cadence(prompt: .atEnd, steps: .everyTotal(score.block, offset: 0))
    }

    mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {
      cache.forEachLane { lane in
        let positions = (0..<lane.count).map { Int(lane.positions[$0]) }
        var queries: [(Int, [[Double]])] = []
        lane.forEachRecentRow { query in
          let logits = (0..<lane.group).map { head in
            let logits = query.logits(head)
            return positions.indices.map { Double(logits[$0]) }
          }
          queries.append((query.position, logits))
        }
        notes.cuts.append(
          Cut(
            lane: lane.id, tokens: lane.length.tokens, positions: positions, queries: queries,
            statistics: score.statistics(lane)))
        let old = lane.length.tokens - score.block
        let gone = positions.indices.filter {
          positions[$0] < old && positions[$0] % 4 == lane.id.head
        }
        plan.drop(gone, of: lane.id)
      }
    }
  }

  private static func softmax(_ logits: [Double]) -> [Double] {
    let highest = logits.max() ?? 0
    let terms = logits.map { exp($0 - highest) }
    let sum = terms.reduce(0, +)
    return terms.map { $0 / sum }
  }

  @Test(
    "are those of a plain recomputation in double precision",
    arguments: ["rows", "block"], [nil, 0.9])
  func features(subWindows: String, decay: Double?) throws {
    let shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 6)
    let notes = Notes()
    var settings = Settings(
      policy: "asker",
      values: [
        "block": 20, "queryCache": 36, "subWindows": .string(subWindows),
        "decay": decay.map { .number($0) } ?? "none",
      ])
    let engine = try PlainEngine(
      .random(shape: shape, seed: 9), policy: Asker(try ForesightScore(&settings), notes))
    try engine.read(50)
    try engine.step(55)
    // At 50, 60, 80 and 100 tokens, in four lanes.
    #expect(notes.cuts.count == 16)
    for lane in Set(notes.cuts.map(\.lane)) {
      // By position, the sums over the earlier blocks for each query head.
      var sums: [Int: [Double]] = [:]
      var decayed: [Int: [Double]] = [:]
      for (number, cut) in notes.cuts.filter({ $0.lane == lane }).enumerated() {
        let asked = cut.queries.filter { cut.tokens - $0.position <= (number == 0 ? 36 : 20) }
        #expect(asked.count == (number == 0 ? 36 : 20))
        var attention = asked.map { query in query.logits.map(Self.softmax) }
        attention.reverse()
        for (row, position) in cut.positions.enumerated() {
          for head in 0..<shape.group {
            let newestFirst = attention.map { $0[head][row] }
            func latest(_ count: Int) -> Double {
              newestFirst.prefix(subWindows == "rows" ? count : .max).reduce(0, +)
            }
            let sum = newestFirst.reduce(0, +)
            let none = [Double](repeating: 0, count: shape.group)
            sums[position, default: none][head] += sum
            decayed[position, default: none][head] *= decay ?? 1
            decayed[position, default: none][head] += sum
            let want = [
              newestFirst.max() ?? 0, newestFirst.min() ?? 0, sum, latest(16), latest(8),
              latest(32), sums[position, default: none][head],
              decayed[position, default: none][head],
            ]
            for (index, number) in want.enumerated() {
              let ours = Double(cut.statistics[index * shape.group + head][row])
              #expect(abs(ours - number) <= 1e-5 * max(1, number), "\(index), \(cut.tokens)")
            }
          }
        }
      }
    }
  }
}
