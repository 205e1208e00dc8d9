import Foundation
import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// A random shape, prompt and seed on which a policy is compared with its oracle.
struct Trial: Sendable, CustomTestStringConvertible {
  let shape: CacheShape
  let prompt: Int
  let chunk: Int
  let steps: Int
  let seed: UInt64

  var testDescription: String {
    "\(shape.layers)×\(shape.keyHeads)×\(shape.group) d\(shape.headDimension), "
      + "\(prompt)+\(steps) in \(chunk), seed \(seed)"
  }

  init(seed: UInt64, prompt: ClosedRange<Int>, steps: Int) {
    var numbers = SplitMix64(seed: seed &* 7919)
    let keyHeads = Int.random(in: 1...3, using: &numbers)
    shape = CacheShape(
      layers: Int.random(in: 1...2, using: &numbers), keyHeads: keyHeads,
      queryHeads: keyHeads * Int.random(in: 1...8, using: &numbers),
      headDimension: 2 * Int.random(in: 1...4, using: &numbers))
    self.prompt = Int.random(in: prompt, using: &numbers)
    chunk = Int.random(in: 1...max(2, self.prompt), using: &numbers)
    self.steps = steps
    self.seed = seed
  }

  /// Runs a policy and records what it keeps.
  func run(_ policy: any KVCachePolicy) throws -> Run {
    let source = SyntheticAttention.random(shape: shape, seed: seed, rotaryBase: 50)
    let engine = try PlainEngine(source, policy: policy)
    try engine.read(prompt, chunk: chunk)
    let promptMoments = engine.kept.count
    try engine.step(steps)
    let moments = Array(engine.kept[(promptMoments - 1)...])
    return Run(trial: self, kept: moments, outputs: engine.outputs, plans: engine.plans)
  }
}

/// The rows that a policy kept: after the prompt, then after each step.
struct Run {
  let trial: Trial
  /// Moments × lanes × positions.
  let kept: [[[Int]]]
  /// Tokens × (layers × queryHeads × headDimension).
  let outputs: [[Float]]
  let plans: [PlannedMoment]

  /// The rows of one lane for the output of step `step` (from 1): the rows that remained after the
  /// previous moment, and the new token. Step 0 is the end of the prompt.
  func present(_ step: Int, lane: Int) -> [Int] {
    step == 0
      ? Array(0..<trial.prompt) : kept[step - 1][lane] + [trial.prompt + step - 1]
  }
}

/// The attention of a run in double precision, from the run's numbers alone: queries, keys and
/// values are computed once and rotated at their positions.
final class Numbers {
  let shape: CacheShape
  private let queries: [[[Double]]]
  private let keys: [[[Double]]]
  private let values: [[[Double]]]

  init(_ trial: Trial) {
    shape = trial.shape
    let source = SyntheticAttention.random(shape: trial.shape, seed: trial.seed)
    let tokens = 0..<trial.prompt + trial.steps
    func table(_ heads: Int, rotated: Bool, _ vector: SyntheticAttention.Vectors) -> [[[Double]]] {
      (0..<source.shape.layers * heads).map { index in
        tokens.map { token in
          let plain = vector(index / heads, index % heads, token).map { Double($0) }
          return rotated ? Numbers.rotated(plain, at: token) : plain
        }
      }
    }
    queries = table(source.shape.queryHeads, rotated: true, source.query)
    keys = table(source.shape.keyHeads, rotated: true, source.key)
    values = table(source.shape.keyHeads, rotated: false, source.value)
  }

  private static func rotated(_ vector: [Double], at token: Int) -> [Double] {
    var result = vector
    for pair in 0..<vector.count / 2 {
      let angle = Double(token) * pow(50, -2 * Double(pair) / Double(vector.count))
      let (x, y) = (vector[2 * pair], vector[2 * pair + 1])
      result[2 * pair] = x * cos(angle) - y * sin(angle)
      result[2 * pair + 1] = x * sin(angle) + y * cos(angle)
    }
    return result
  }

  /// Attention logits of the query at `query` over the keys at `tokens`; −∞ for later keys unless
  /// `seesLater`.
  func logits(
    _ layer: Int, _ queryHead: Int, query: Int, over tokens: [Int], seesLater: Bool = false
  ) -> [Double] {
    let q = queries[layer * shape.queryHeads + queryHead][query]
    let lane = keys[layer * shape.keyHeads + queryHead / shape.group]
    return tokens.map { token in
      guard seesLater || token <= query else { return -.infinity }
      let k = lane[token]
      var sum = 0.0
      for index in q.indices { sum += q[index] * k[index] }
      return sum / Double(q.count).squareRoot()
    }
  }

  /// Attention probabilities of the query at `query` over the keys at `tokens`.
  func attention(_ layer: Int, _ queryHead: Int, query: Int, over tokens: [Int]) -> [Double] {
    softmax(logits(layer, queryHead, query: query, over: tokens))
  }

  /// The output of a query that reads the keys at `tokens`.
  func output(_ layer: Int, _ queryHead: Int, query: Int, over tokens: [Int]) -> [Double] {
    let weights = attention(layer, queryHead, query: query, over: tokens)
    let lane = values[layer * shape.keyHeads + queryHead / shape.group]
    return (0..<shape.headDimension).map { index in
      zip(weights, tokens).reduce(0) { $0 + $1.0 * lane[$1.1][index] }
    }
  }

  /// The query heads of a key head.
  func group(_ head: Int) -> Range<Int> { head * shape.group..<(head + 1) * shape.group }
}

func softmax(_ logits: [Double]) -> [Double] {
  let largest = logits.max() ?? 0
  let exponentials = logits.map { exp($0 - largest) }
  let sum = exponentials.reduce(0, +)
  return exponentials.map { $0 / sum }
}

/// Compares choices with an oracle's choices, and counts the choices that rounding may decide.
struct Verdict {
  /// Scores that differ by less, relatively, may be ranked either way in single precision.
  static let margin = 2e-5
  var compared = 0
  var tooClose = 0

  /// - Parameters:
  ///   - kept: the candidates that the policy kept.
  ///   - candidates: candidates, with their scores in double precision, in ascending position.
  /// - Returns: whether `kept` are the `count` best, with equal scores going to the lower position.
  ///   Also true if the choice differs only where scores are closer than the margin; such cases are
  ///   counted.
  mutating func agrees(
    _ kept: [Int], with count: Int, of candidates: [Int], scores: [Double]
  ) -> Bool {
    compared += 1
    let ranked = candidates.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    let best = ranked.prefix(count).map { candidates[$0] }.sorted()
    if best == kept { return true }
    guard kept.count == best.count, count > 0, count < ranked.count else { return false }
    let cut = (scores[ranked[count - 1]] + scores[ranked[count]]) / 2
    let disputed = Set(best).symmetricDifference(kept)
    let isClose = candidates.indices.allSatisfy {
      !disputed.contains(candidates[$0]) || abs(scores[$0] - cut) <= Verdict.margin * abs(cut)
    }
    if isClose { tooClose += 1 }
    return isClose
  }

  /// Fails if the oracle checked nothing, or too little.
  func expectMeaningful(_ what: String) {
    #expect(compared > 0, "\(what): nothing was compared")
    #expect(
      tooClose * 100 <= compared, "\(what): \(tooClose) of \(compared) were too close to call")
  }
}
