import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("Where two policies are one") struct ReductionTests {
  private let trials = (1...8).map { Trial(seed: UInt64($0) + 200, prompt: 20...50, steps: 25) }

  @Test("H2O without heavy hitters is StreamingLLM without sinks")
  func h2oRecent() throws {
    for trial in trials {
      let h2o = try trial.run(H2O(["heavy": 0, "recent": 7]))
      let streaming = try trial.run(
        StreamingLLM(["sinks": 0, "recent": 7, "positions": "original"]))
      #expect(h2o.kept == streaming.kept && h2o.outputs == streaming.outputs)
    }
  }

  @Test("random eviction of nothing but recent tokens is StreamingLLM without sinks")
  func randomRecent() throws {
    for trial in trials {
      let random = try trial.run(RandomEviction(["capacity": 7, "recent": 7]))
      let streaming = try trial.run(
        StreamingLLM(["sinks": 0, "recent": 7, "positions": "original"]))
      #expect(random.kept == streaming.kept)
    }
  }

  @Test("MorphKV with sinks for all its distant tokens is StreamingLLM, one row wider")
  func morphSinks() throws {
    for (trial, votes) in zip(trials, ["blocks", "exact"] + Array(repeating: "blocks", count: 6)) {
      let morph = try trial.run(
        MorphKV([
          "window": 5, "capacity": 8, "sinks": 3, "votes": .string(votes),
          "prunePrompt": "atFirstDecode",
        ]))
      let streaming = try trial.run(
        StreamingLLM(["sinks": 3, "recent": 6, "positions": "original"]))
      // MorphKV prunes the prompt at its first step.
      #expect(morph.kept.dropFirst() == streaming.kept.dropFirst())
    }
  }

  @Test("MorphKV pruned at the prompt's end keeps what it would keep at its first step, and after")
  func morphPrune() throws {
    for trial in trials {
      for rows in ["W-1", "W"] as [JSONValue] {
        let settings: [String: JSONValue] = [
          "window": 5, "capacity": 12, "rows": rows, "votes": "exact",
        ]
        let official = try trial.run(
          MorphKV(settings.merging(["prunePrompt": "atFirstDecode"]) { $1 }))
        let early = try trial.run(MorphKV(settings.merging(["prunePrompt": "atPrefillEnd"]) { $1 }))
        #expect(early.kept[0].allSatisfy { $0.count == 12 })
        #expect(official.kept[0].allSatisfy { $0.count == trial.prompt })
        #expect(early.kept.dropFirst() == official.kept.dropFirst())
        // In both runs, the first output already reads only the surviving rows.
        for (one, other) in zip(early.outputs, official.outputs) {
          #expect(zip(one, other).allSatisfy { abs($0 - $1) < 1e-4 })
        }
      }
    }
  }

  @Test("MorphKV's first prune by means over all keys is SnapKV without pooling")
  func morphSnap() throws {
    for trial in trials {
      let morph = try trial.run(
        MorphKV([
          "window": 5, "capacity": 12, "rows": "W", "normaliser": "allVisible",
          "gqa": "meanOfProbabilities", "votes": "exact",
        ]))
      let snap = try trial.run(SnapKV(["window": 5, "capacity": 12, "kernel": 1]))
      #expect(morph.kept[0] == snap.kept[0])
    }
  }

  @Test("with one query head per key head MorphKV's three reductions are the same")
  func morphUngrouped() throws {
    for seed in 1...4 as ClosedRange<UInt64> {
      let shape = CacheShape(layers: 1, keyHeads: 3, queryHeads: 3, headDimension: 4)
      let kept = try ["maxOfProbabilities", "sumOfLogits", "meanOfProbabilities"].map { gqa in
        let engine = try PlainEngine(
          .random(shape: shape, seed: seed),
          policy: MorphKV(["window": 4, "capacity": 10, "gqa": .string(gqa), "votes": "exact"]))
        try engine.read(20)
        try engine.step(20)
        return engine.kept
      }
      #expect(Set(kept).count == 1)
    }
  }

  @Test("SnapKV's average pooling may come before or after a mean over the group")
  func snapOrder() throws {
    for trial in trials {
      let runs = try ["poolThenGroup", "groupThenPool"].map { order in
        try trial.run(
          SnapKV([
            "window": 5, "capacity": 12, "kernel": 5, "pool": "average",
            "poolOrder": .string(order),
          ]))
      }
      #expect(runs[0].kept == runs[1].kept)
    }
  }

  @Test("TOVA may drop the newest token, where MorphKV with a single voter never does")
  func tovaIsNotMorph() throws {
    let attention: @Sendable (Int, Int) -> Double = { query, key in key == query ? 0.01 : 1 }
    let tova = try picture(of: TOVA(["capacity": 4]), prompt: 6, steps: 2, attention: attention)
    let morph = try picture(
      of: MorphKV(["window": 2, "capacity": 4, "voters": 1]), prompt: 6, steps: 2,
      attention: attention)
    #expect(tova == "####....")
    #expect(morph == "##...###")
  }
}
