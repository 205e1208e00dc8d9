import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// MorphKV with exact votes, recomputed from stored queries in double precision.
private struct MorphOracle {
  /// The candidates of one lane.
  struct Choice {
    let layer: Int
    let present: [Int]
    let distant: [Int]
    let nearest: [Int]
    let voters: Range<Int>
  }

  let numbers: Numbers
  let prompt: Int
  let window: Int
  let capacity: Int
  private let settings: [String: JSONValue]

  init(_ trial: Trial, _ settings: [String: JSONValue], window: Int, capacity: Int) {
    numbers = Numbers(trial)
    prompt = trial.prompt
    self.window = window
    self.capacity = capacity
    self.settings = settings
  }

  private func number(_ name: String) -> Double { settings[name]?.realNumber ?? 0 }

  var prunesPrompt: Bool { settings["prunePrompt"] == "atPrefillEnd" }
  var asksQueryHeads: Bool { settings["attendMask"] == "perQueryHead" }

  /// The number of rows at which the policy acts.
  var trigger: Int {
    max(capacity + 2, Int((Double(capacity + 1) * number("burst")).rounded(.up)))
  }

  /// At step 0, the end of the prompt, there is no current token beside the window.
  func choice(_ run: Run, step: Int, lane: Int) -> Choice {
    let present = run.present(step, lane: lane)
    let nearest = step == 0 ? window : window + 1
    return Choice(
      layer: lane / run.trial.shape.keyHeads, present: present,
      distant: Array(present.dropLast(nearest)), nearest: Array(present.suffix(nearest)),
      voters: voters(current: step == 0 ? nil : prompt + step - 1))
  }

  /// The queries that vote when the token at `current` is decoded, or at the end of the prompt if
  /// `current` is nil.
  private func voters(current: Int?) -> Range<Int> {
    let includesCurrent = settings["includeCurrentQuery"] == true
    let newest = current.map { includesCurrent ? $0 : $0 - 1 } ?? prompt - 1
    let takesAll = settings["rows"] == "W"
    var count = takesAll ? window : window - 1
    // The official ring is created with the prompt's queries and is only rotated afterwards: it
    // never grows.
    if !takesAll, settings["shortPrompt"] == "official", prompt > 1 {
      count = min(count, prompt - 1)
    }
    return max(0, newest - count + 1)..<newest + 1
  }

  /// Scores of the distant tokens, reduced over `queryHeads`.
  func scores(_ choice: Choice, _ queryHeads: Range<Int>) -> [Double] {
    let support = settings["normaliser"] == "distantOnly" ? choice.distant : choice.present
    let votes = choice.voters.map { voter in
      vote(queryHeads.map { numbers.logits(choice.layer, $0, query: voter, over: support) })
    }
    // In either support, the distant tokens come first.
    return choice.distant.indices.map { index in
      if choice.distant[index] < Int(number("sinks")) { return .infinity }
      let all = votes.map { $0[index] }
      return settings["fusion"] == "sum" ? all.reduce(0, +) : all.max() ?? 0
    }
  }

  /// One voter's votes, from the logits of several query heads.
  private func vote(_ logits: [[Double]]) -> [Double] {
    let tokens = logits.first?.indices ?? 0..<0
    if settings["gqa"] == "sumOfLogits" {
      return softmax(tokens.map { index in logits.reduce(0) { $0 + $1[index] } })
    }
    let rows = logits.map(softmax)
    return tokens.map { index in
      let all = rows.map { $0[index] }
      return settings["gqa"] == "maxOfProbabilities"
        ? all.max() ?? 0 : all.reduce(0, +) / Double(all.count)
    }
  }

  /// The tokens that one query head would keep; nil if scores are too close to decide.
  func clearBest(_ choice: Choice, _ queryHead: Int) -> [Int]? {
    let scores = scores(choice, queryHead..<queryHead + 1)
    let ranked = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    let keep = capacity - window
    let (last, next) = (scores[ranked[keep - 1]], scores[ranked[keep]])
    guard last - next > Verdict.margin * next else { return nil }
    return ranked.prefix(keep).map { choice.distant[$0] } + choice.nearest
  }
}

/// One value for every option.
struct MorphOptions: Sendable, CustomTestStringConvertible {
  let settings: [String: JSONValue]
  var testDescription: String { JSONValue.object(settings).text }

  /// Every combination of the options that change what is chosen, combined in turn with sinks,
  /// bursts and short prompts.
  static let all: [MorphOptions] = {
    var all: [MorphOptions] = []
    for fusion in ["sum", "max"] {
      for gqa in ["maxOfProbabilities", "sumOfLogits", "meanOfProbabilities"] {
        for rows in ["W-1", "W"] {
          for normaliser in ["distantOnly", "allVisible"] {
            for current in [false, true] {
              for mask in ["perKVHead", "perQueryHead"] {
                let turn = all.count
                all.append(
                  MorphOptions(settings: [
                    "fusion": .string(fusion), "gqa": .string(gqa), "rows": .string(rows),
                    "normaliser": .string(normaliser), "includeCurrentQuery": .bool(current),
                    "attendMask": .string(mask),
                    "prunePrompt": turn % 3 == 0 ? "atPrefillEnd" : "atFirstDecode",
                    "sinks": .number([0, 0, 2][turn % 3 == 2 ? 2 : 0]),
                    "burst": .number(turn % 5 == 4 ? 1.4 : 1),
                    "shortPrompt": turn % 7 < 4 ? "official" : "grow",
                  ]))
              }
            }
          }
        }
      }
    }
    return all
  }()
}

@Suite("MorphKV's exact votes, against recomputation") struct MorphKVOracleTests {
  @Test("keeps what stored queries would keep, whatever the options", arguments: MorphOptions.all)
  func keeps(_ options: MorphOptions) throws {
    var verdict = Verdict()
    let index = MorphOptions.all.firstIndex { $0.testDescription == options.testDescription } ?? 0
    // Prompts shorter than the window, between window and capacity, and longer than both.
    for (number, prompt) in [1...4, 6...12, 14...30].enumerated() {
      let trial = Trial(seed: UInt64(index * 3 + number + 1), prompt: prompt, steps: 24)
      try compare(trial, options, window: 3 + index % 3, capacity: 9 + index % 4, &verdict)
    }
    verdict.expectMeaningful(options.testDescription)
  }

  private func compare(
    _ trial: Trial, _ options: MorphOptions, window: Int, capacity: Int, _ verdict: inout Verdict
  ) throws {
    var settings = options.settings
    settings["votes"] = "exact"
    settings["window"] = .number(Double(window))
    settings["capacity"] = .number(Double(capacity))
    let run = try trial.run(MorphKV(settings))
    let oracle = MorphOracle(trial, settings, window: window, capacity: capacity)
    for step in 0...trial.steps {
      for lane in 0..<trial.shape.lanes {
        let present = run.present(step, lane: lane)
        let acts =
          step == 0
          ? oracle.prunesPrompt && trial.prompt > capacity : present.count >= oracle.trigger
        let place = "\(trial.testDescription), step \(step), lane \(lane)"
        if acts {
          let isRight = agrees(run, oracle, step: step, lane: lane, &verdict)
          try #require(isRight, "\(place)")
        } else {
          try #require(run.kept[step][lane] == present, "\(place)")
        }
        if step > 0 { expectOutputs(run, oracle, step: step, lane: lane, acts: acts) }
      }
    }
  }

  private func agrees(
    _ run: Run, _ oracle: MorphOracle, step: Int, lane: Int, _ verdict: inout Verdict
  ) -> Bool {
    let choice = oracle.choice(run, step: step, lane: lane)
    let kept = run.kept[step][lane]
    guard kept.suffix(choice.nearest.count) == choice.nearest[...] else { return false }
    let queryHeads = oracle.numbers.group(lane % run.trial.shape.keyHeads)
    return verdict.agrees(
      Array(kept.dropLast(choice.nearest.count)), with: oracle.capacity - oracle.window,
      of: choice.distant, scores: oracle.scores(choice, queryHeads))
  }

  /// Expects the step's output to be attention over the surviving rows, or over each query head's
  /// own choice.
  private func expectOutputs(
    _ run: Run, _ oracle: MorphOracle, step: Int, lane: Int, acts: Bool
  ) {
    let shape = run.trial.shape
    let layer = lane / shape.keyHeads
    let token = run.trial.prompt + step - 1
    for queryHead in oracle.numbers.group(lane % shape.keyHeads) {
      var read = run.kept[step][lane]
      if acts, oracle.asksQueryHeads {
        let choice = oracle.choice(run, step: step, lane: lane)
        // A choice that rounding may decide either way proves nothing about the output.
        guard let own = oracle.clearBest(choice, queryHead) else { continue }
        read = own
      }
      let expected = oracle.numbers.output(layer, queryHead, query: token, over: read)
      let start = (layer * shape.queryHeads + queryHead) * shape.headDimension
      let found = run.outputs[token][start..<start + shape.headDimension]
      #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 1e-4 })
    }
  }
}
