import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

private func json(_ number: Int) -> JSONValue { .number(Double(number)) }

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
          "heavy": json(heavy), "recent": json(recent), "score": .string(score),
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

  /// Attention received so far by every token of one lane, per query head.
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

@Suite("TOVA against plain means") struct TOVAOracleTests {
  @Test("keeps what the newest query attends to most, the same in all heads of a layer")
  func keeps() throws {
    var verdict = Verdict()
    for seed in 1...8 as ClosedRange<UInt64> {
      let trial = Trial(seed: seed &+ 50, prompt: 1...30, steps: 20)
      let capacity = Int(seed) + 3
      let protects = seed % 2 == 0
      let run = try trial.run(
        TOVA(["capacity": json(capacity), "protectNewest": .bool(protects)]))
      let numbers = Numbers(trial)
      for step in 0...trial.steps {
        for layer in 0..<trial.shape.layers {
          let first = layer * trial.shape.keyHeads
          let present = run.present(step, lane: first)
          let kept = run.kept[step][first..<first + trial.shape.keyHeads]
          #expect(Set(kept).count == 1)
          guard present.count > capacity else {
            try #require(kept[first] == present)
            continue
          }
          let newest = trial.prompt + step - 1
          var scores = [Double](repeating: 0, count: present.count)
          for head in 0..<trial.shape.queryHeads {
            let row = numbers.attention(layer, head, query: newest, over: present)
            for index in row.indices { scores[index] += row[index] }
          }
          if protects { scores[present.count - 1] = .infinity }
          let isRight = verdict.agrees(
            kept[first], with: capacity, of: present, scores: scores)
          try #require(isRight, "\(trial.testDescription), step \(step), layer \(layer)")
        }
      }
    }
    verdict.expectMeaningful("TOVA")
  }
}

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
          "capacity": json(capacity), "window": json(window), "kernel": json(kernel),
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
        // A maximum over neighbours makes exact ties, which rounding cannot break.
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

@Suite("StreamingLLM") struct StreamingLLMTests {
  @Test("keeps the first and the last tokens, whatever the prompt", arguments: [0, 1, 4])
  func keeps(sinks: Int) throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      let trial = Trial(seed: seed, prompt: 1...30, steps: 20)
      let recent = Int(seed) + 2
      for positions in ["original", "compacted"] as [JSONValue] {
        let run = try trial.run(
          StreamingLLM(["sinks": json(sinks), "recent": json(recent), "positions": positions]))
        for (step, lanes) in run.kept.enumerated() {
          let tokens = trial.prompt + step
          let expected = (0..<tokens).filter { $0 < sinks || $0 >= tokens - recent }
          #expect(lanes.allSatisfy { $0 == expected })
        }
      }
    }
  }

  @Test("rotates keys at their rank in the cache, so outputs depend on the distance in it")
  func compacted() throws {
    // A recent run without sinks looks the same at any place of the text, if the text repeats.
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 2, headDimension: 8)
    let base = SyntheticAttention.random(shape: shape, seed: 4)
    let source = SyntheticAttention(
      shape: shape, rotaryBase: 20, query: { base.query($0, $1, $2 % 9) },
      key: { base.key($0, $1, $2 % 9) }, value: { base.value($0, $1, $2 % 9) })
    let engine = try PlainEngine(source, policy: StreamingLLM(["sinks": 0, "recent": 9]))
    try engine.read(18)
    try engine.step(18)
    for (one, other) in zip(engine.outputs[18..<27], engine.outputs[27..<36]) {
      #expect(zip(one, other).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }
}

@Suite("Random eviction") struct RandomEvictionTests {
  @Test("keeps the same tokens whether it chooses every step or once")
  func whenever() throws {
    for seed in 0..<5 {
      let once = try PlainEngine(
        .random(
          shape: CacheShape(layers: 2, keyHeads: 2, queryHeads: 2, headDimension: 2), seed: 1),
        policy: RandomEviction(["capacity": 9, "seed": json(seed), "when": "afterPrompt"]))
      let often = try PlainEngine(
        once.source, policy: RandomEviction(["capacity": 9, "seed": json(seed)]))
      try once.read(40)
      try often.read(3)
      try often.step(37)
      #expect(once.keptNow == often.keptNow)
      #expect(Set(once.keptNow).count == 4, "every lane draws for itself")
    }
  }

  @Test("always keeps the recent tokens, and each older one equally often")
  func fairness() throws {
    var counts = [Int](repeating: 0, count: 20)
    let draws = 400
    for seed in 0..<draws {
      let engine = try PlainEngine(
        .weights { _, _ in 1 },
        policy: RandomEviction(["capacity": 8, "recent": 3, "seed": json(seed)]))
      try engine.read(20)
      for position in engine.keptNow[0] { counts[position] += 1 }
    }
    #expect(counts[17...] == [draws, draws, draws])
    // Five of seventeen stay: a binomial count, within five standard deviations of its mean.
    let share = 5.0 / 17
    let deviation = (Double(draws) * share * (1 - share)).squareRoot()
    for count in counts[..<17] {
      #expect(abs(Double(count) - Double(draws) * share) < 5 * deviation)
    }
  }
}
