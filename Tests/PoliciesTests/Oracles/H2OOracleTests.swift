import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("H2O against plain sums") struct H2OOracleTests {
  @Test(
    "keeps the heaviest by summed or averaged attention, and the recent ones",
    arguments: ["sum", "average"], ["mean", "max", "sum"])
  func keeps(score: String, gqa: String) throws {
    var verdict = Verdict()
    for seed in 1...6 as ClosedRange<UInt64> {
      let trial = Trial(seed: seed, prompt: 2...40, steps: 20)
      let (heavy, recent) = (Int(seed) % 5 + 1, Int(seed) % 3 * 3)
      let run = try trial.run(
        H2O([
          "heavy": JSONValue(heavy), "recent": JSONValue(recent), "score": .string(score),
          "gqa": .string(gqa),
        ]))
      let numbers = Numbers(trial)
      for lane in 0..<trial.shape.lanes {
        var sums = Sums(numbers, lane: lane)
        for query in 0..<trial.prompt { sums.add(query: query, over: Array(0..<trial.prompt)) }
        for step in 0...trial.steps {
          let present = run.present(step, lane: lane)
          let tokens = trial.prompt + step
          if step > 0 { sums.add(query: tokens - 1, over: present) }
          let kept = run.kept[step][lane]
          guard present.count > heavy + recent else {
            try #require(kept == present)
            continue
          }
          let candidates = Array(present.dropLast(recent))
          try #require(kept.suffix(recent) == present.suffix(recent))
          let scores = candidates.map {
            sums.score($0, gqa) / (score == "average" ? Double(tokens - $0) : 1)
          }
          let isRight = verdict.agrees(
            Array(kept.dropLast(recent)), with: heavy, of: candidates, scores: scores)
          try #require(isRight, "\(trial.testDescription), step \(step), lane \(lane)")
        }
      }
    }
    verdict.expectMeaningful("H2O")
  }

  /// The attention that each token of one lane received so far, per query head.
  private struct Sums {
    let numbers: Numbers
    let lane: Int
    var byHead: [Int: [Int: Double]] = [:]

    init(_ numbers: Numbers, lane: Int) {
      self.numbers = numbers
      self.lane = lane
    }

    mutating func add(query: Int, over tokens: [Int]) {
      let (layer, head) = (lane / numbers.shape.keyHeads, lane % numbers.shape.keyHeads)
      for queryHead in numbers.group(head) {
        let row = numbers.attention(layer, queryHead, query: query, over: tokens)
        for (token, weight) in zip(tokens, row) {
          byHead[queryHead, default: [:]][token, default: 0] += weight
        }
      }
    }

    func score(_ token: Int, _ gqa: String) -> Double {
      let all = byHead.values.map { $0[token] ?? 0 }
      let sum = all.reduce(0, +)
      return gqa == "max" ? all.max() ?? 0 : gqa == "sum" ? sum : sum / Double(all.count)
    }
  }
}
