import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("SnapKV against plain votes") struct SnapKVOracleTests {
  @Test(
    "keeps what the window attends to, pooled and reduced as set",
    arguments: ["max", "average"], ["mean", "max", "sum"])
  func keeps(pool: String, gqa: String) throws {
    var verdict = Verdict()
    for seed in 1...10 as ClosedRange<UInt64> {
      let trial = Trial(seed: seed &+ 90, prompt: 5...60, steps: 3)
      let window = Int(seed) % 4 + 1
      let capacity = window + 3 + Int(seed) % 6
      let kernel = [1, 3, 5, 7][Int(seed) % 4]
      let poolFirst = seed % 2 == 0
      let run = try trial.run(
        SnapKV([
          "capacity": JSONValue(capacity), "window": JSONValue(window), "kernel": JSONValue(kernel),
          "pool": .string(pool), "gqa": .string(gqa),
          "poolOrder": poolFirst ? "poolThenGroup" : "groupThenPool",
        ]))
      let numbers = Numbers(trial)
      for lane in 0..<trial.shape.lanes {
        let kept = run.kept[0][lane]
        for step in 1...trial.steps {
          #expect(run.kept[step][lane] == kept + Array(trial.prompt..<trial.prompt + step))
        }
        guard trial.prompt > capacity else {
          try #require(kept == Array(0..<trial.prompt))
          continue
        }
        let earlier = Array(0..<trial.prompt - window)
        try #require(kept.suffix(window) == Array(trial.prompt - window..<trial.prompt)[...])
        let scores = scores(
          numbers, lane: lane, prompt: trial.prompt, window: window, kernel: kernel,
          averages: pool == "average", gqa: gqa, poolFirst: poolFirst)
        // A maximum over neighbours creates exact ties, which rounding cannot change.
        let isRight = verdict.agrees(
          Array(kept.dropLast(window)), with: capacity - window, of: earlier, scores: scores)
        try #require(isRight, "\(trial.testDescription), lane \(lane)")
      }
    }
    verdict.expectMeaningful("SnapKV")
  }

  private func scores(
    _ numbers: Numbers, lane: Int, prompt: Int, window: Int, kernel: Int, averages: Bool,
    gqa: String, poolFirst: Bool
  ) -> [Double] {
    let (layer, head) = (lane / numbers.shape.keyHeads, lane % numbers.shape.keyHeads)
    func pooled(_ row: [Double]) -> [Double] {
      row.indices.map { index in
        let part = row[max(0, index - kernel / 2)...min(row.count - 1, index + kernel / 2)]
        return averages ? part.reduce(0, +) / Double(kernel) : part.max() ?? 0
      }
    }
    func reduced(_ rows: [[Double]]) -> [Double] {
      rows[0].indices.map { index in
        let all = rows.map { $0[index] }
        let sum = all.reduce(0, +)
        return gqa == "max" ? all.max() ?? 0 : gqa == "sum" ? sum : sum / Double(all.count)
      }
    }
    let rows = numbers.group(head).map { queryHead -> [Double] in
      var sums = [Double](repeating: 0, count: prompt - window)
      for query in prompt - window..<prompt {
        let row = numbers.attention(layer, queryHead, query: query, over: Array(0..<prompt))
        for index in sums.indices { sums[index] += row[index] }
      }
      return sums
    }
    return poolFirst ? reduced(rows.map(pooled)) : pooled(reduced(rows))
  }
}
