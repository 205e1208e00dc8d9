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

  @Test("of MorphKV's repository: the last queries of a prompt, and forgetting before the output")
  func keepsAsMorphKVsBaseline() throws {
    var verdict = Verdict()
    for seed in 1...20 as ClosedRange<UInt64> {
      // After every other prompt lanes are not full yet, and the first steps add nothing.
      let isShort = seed % 2 == 0
      let trial = Trial(seed: seed &+ 300, prompt: isShort ? 1...6 : 1...40, steps: 20)
      let (heavy, recent) = (Int(seed) % 5 + (isShort ? 6 : 1), Int(seed) % 3 * 3)
      let gqa = ["mean", "max", "sum"][Int(seed) % 3]
      let run = try trial.run(
        H2O([
          "heavy": JSONValue(heavy), "recent": JSONValue(recent), "variant": "morphkv",
          "gqa": .string(gqa),
        ]))
      let numbers = Numbers(trial)
      for lane in 0..<trial.shape.lanes {
        var sums = Sums(numbers, lane: lane)
        for query in max(0, trial.prompt - (heavy + recent - 1))..<trial.prompt {
          sums.addNormalisedByAll(query: query, over: Array(0..<trial.prompt))
        }
        try #require(run.kept[0][lane] == Array(0..<trial.prompt))
        for step in 1...trial.steps {
          let present = run.present(step, lane: lane)
          let kept = run.kept[step][lane]
          let newest = trial.prompt + step - 1
          expectOutputs(run, numbers, query: newest, over: kept, lane: lane)
          if present.count >= heavy + recent { sums.add(query: newest, over: present) }
          guard present.count > heavy + recent else {
            try #require(kept == present)
            continue
          }
          let candidates = Array(present.dropLast(recent))
          try #require(kept.suffix(recent) == present.suffix(recent))
          let isRight = verdict.agrees(
            Array(kept.dropLast(recent)), with: heavy, of: candidates,
            scores: candidates.map { sums.score($0, gqa) })
          try #require(isRight, "\(trial.testDescription), step \(step), lane \(lane)")
        }
      }
    }
    verdict.expectMeaningful("H2O of MorphKV's repository")
  }

  /// Expects the outputs of a lane's query heads to be attention over the rows at `kept` alone.
  private func expectOutputs(
    _ run: Run, _ numbers: Numbers, query: Int, over kept: [Int], lane: Int
  ) {
    let shape = run.trial.shape
    for head in numbers.group(lane % shape.keyHeads) {
      let want = numbers.output(lane / shape.keyHeads, head, query: query, over: kept)
      let first = (lane / shape.keyHeads * shape.queryHeads + head) * shape.headDimension
      let got = run.outputs[query][first..<first + shape.headDimension]
      #expect(zip(got, want).allSatisfy { abs(Double($0) - $1) < 1e-4 })
    }
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

    /// Adds a query of a prompt as MorphKV's repository does: the softmax runs over all of the
    /// prompt, and only then is what comes after the query left out.
    mutating func addNormalisedByAll(query: Int, over tokens: [Int]) {
      let (layer, head) = (lane / numbers.shape.keyHeads, lane % numbers.shape.keyHeads)
      for queryHead in numbers.group(head) {
        let row = softmax(
          numbers.logits(layer, queryHead, query: query, over: tokens, seesLater: true))
        for (token, weight) in zip(tokens, row) where token <= query {
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
