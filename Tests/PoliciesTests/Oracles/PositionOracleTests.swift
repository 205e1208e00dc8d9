import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("StreamingLLM") struct StreamingLLMTests {
  @Test("keeps the first and the last tokens, whatever the prompt", arguments: [0, 1, 4])
  func keeps(sinks: Int) throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      let trial = Trial(seed: seed, prompt: 1...30, steps: 20)
      let recent = Int(seed) + 2
      for positions in ["original", "compacted"] as [JSONValue] {
        let run = try trial.run(
          StreamingLLM([
            "sinks": JSONValue(sinks), "recent": JSONValue(recent), "positions": positions,
          ]))
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
        policy: RandomEviction(["capacity": 9, "seed": JSONValue(seed), "when": "afterPrompt"]))
      let often = try PlainEngine(
        once.source, policy: RandomEviction(["capacity": 9, "seed": JSONValue(seed)]))
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
        policy: RandomEviction(["capacity": 8, "recent": 3, "seed": JSONValue(seed)]))
      try engine.read(20)
      for position in engine.keptNow[0] { counts[position] += 1 }
    }
    #expect(counts[17...] == [draws, draws, draws])
    // Five of seventeen rows stay. The count is binomial, and within five standard deviations of
    // its mean.
    let share = 5.0 / 17
    let deviation = (Double(draws) * share * (1 - share)).squareRoot()
    for count in counts[..<17] {
      #expect(abs(Double(count) - Double(draws) * share) < 5 * deviation)
    }
  }
}
