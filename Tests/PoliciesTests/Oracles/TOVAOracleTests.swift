import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

@Suite("TOVA against plain means") struct TOVAOracleTests {
  @Test("keeps what the newest query attends to most, the same in all heads of a layer")
  func keeps() throws {
    var verdict = Verdict()
    for seed in 1...8 as ClosedRange<UInt64> {
      let trial = Trial(seed: seed &+ 50, prompt: 1...30, steps: 20)
      let capacity = Int(seed) + 3
      let protects = seed % 2 == 0
      let run = try trial.run(
        TOVA(["capacity": JSONValue(capacity), "protectNewest": .bool(protects)]))
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
