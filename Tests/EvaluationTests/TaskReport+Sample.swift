import KVPolicyKit

@testable import Evaluation

extension TaskReport {
  /// A report with made-up but plausible numbers: full attention, and some policies at some
  /// budgets. The story has the given words.
  static func sample(
    labels: [String] = ["streamingllm", "h2o", "snapkv", "morphkv", "tova", "random"],
    budgets: [Int] = [256, 128, 64], prompt: [String] = ["start", "\n", "at", "7", "oak", "\n"],
    answer: [String] = ["7", "oak", "7", "\n", "stop"]
  ) -> TaskReport {
    var random = SplitMix64(seed: 7)
    let full = TaskMeasurement.sample("full", budget: nil, skill: 0.98, using: &random)
    let others = budgets.flatMap { budget in
      labels.enumerated().map { index, label in
        let skill = 0.2 + 0.7 * Double(budget) / 256 - 0.09 * Double(index % 5)
        return TaskMeasurement.sample(
          label, budget: budget, skill: max(skill, 0.02), using: &random)
      }
    }
    let moments = Array(stride(from: 0, through: answer.count, by: max(1, answer.count / 24)))
    let all = TaskStory.Teller(
      label: "full", budget: nil, tally: TaskTally(hits: 9, checks: 9), answer: answer,
      mistakes: [],
      kept: moments.map { String(repeating: "9", count: prompt.count + $0) })
    let tellers = labels.enumerated().map { index, label in
      let mistakes = answer.indices.filter { _ in random.next() % 30 == 0 }
      return TaskStory.Teller(
        label: label, budget: 128, tally: TaskTally(hits: 8 - index, checks: 9), answer: answer,
        mistakes: mistakes,
        kept: moments.map { written in
          held(
            of: prompt.count + written, recent: label == "streamingllm" ? 124 : 40, using: &random)
        })
    }
    return TaskReport(
      model: "lists-0.8M.gguf", documents: 48, kind: "both", seed: 0, documentTokens: 1536,
      responseTokens: 840,
      rowFormat: .f16, pageRows: 16, threads: 2, layers: 4, keyHeads: 4, policies: [full] + others,
      story: TaskStory(
        document: 3, prompt: prompt, moments: moments, tellers: [all] + tellers))
  }

  /// The tokens still held: the first, the last, and a few between.
  private static func held(
    of count: Int, recent: Int, using random: inout SplitMix64
  ) -> String {
    String(
      (0..<count).map { index -> Character in
        if index < 4 || index >= count - recent { return "9" }
        guard recent < 100, random.next() % 8 == 0 else { return "0" }
        return Character(String(1 + random.next() % 9))
      })
  }
}

extension TaskMeasurement {
  fileprivate static func sample(
    _ label: String, budget: Int?, skill: Double, using random: inout SplitMix64
  ) -> TaskMeasurement {
    func tally(_ checks: Int, _ skill: Double) -> TaskTally {
      var tally = TaskTally()
      let noise = Double(random.next() % 100) / 1500
      (tally.checks, tally.hits) = (checks, min(checks, Int(Double(checks) * (skill + noise))))
      return tally
    }
    let kinds = ["once": 960, "range": 2210, "periodic": 816, "completion": 48, "recall": 288]
    let tallies = kinds.sorted { $0.key < $1.key }.map { ($0.key, tally($0.value, skill)) }
    let places = stride(from: 0, to: 840, by: 70).map { from in
      PlaceTally(
        from: from, to: from + 70, tally: tally(360, skill * (1 - Double(from) / 3000)))
    }
    let rows = budget ?? 1536
    let state = label == "morphkv" ? 40 * rows : 12 * rows
    let bytes = rows * 4 * 4 * 2 * 32 * 2 + (budget == nil ? 0 : state)
    return TaskMeasurement(
      label: label, configuration: ["policy": .string(label), "budget": .number(Double(rows))],
      budget: budget, grows: budget == nil, kinds: Dictionary(uniqueKeysWithValues: tallies),
      places: places,
      documents: (0..<2).map { number in
        // Two documents that differ by a tenth of the checks.
        let parts = tallies.map { kind, tally in
          (
            kind,
            TaskTally(hits: tally.hits * (number == 0 ? 9 : 11) / 20, checks: tally.checks / 2)
          )
        }
        return DocumentMeasurement(
          number: number, kinds: Dictionary(uniqueKeysWithValues: parts),
          rowsPerLaneMean: Double(rows), residentBytes: bytes, writtenTokens: 24 * 840)
      },
      rowsPerLaneMean: Double(rows), residentBytes: bytes, meanResidentBytes: bytes,
      peakResidentBytes: bytes * 2,
      policyStateBytes: budget == nil ? 0 : state, footprint: Double(rows) / 1536,
      writtenTokens: 48 * 840, promptTokensPerSecond: 21_345, decodeTokensPerSecond: 3_127.4)
  }
}
