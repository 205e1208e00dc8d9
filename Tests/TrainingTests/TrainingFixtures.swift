import KVPolicyKit
import ReferenceModel
import Testing
import Training

/// A small model, texts and a rule, for comparing gradients.
struct TrainingCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let model: LlamaConfiguration
  let rule: AttentionRule
  let lengths: [Int]

  /// Weight matrices larger than at the start of a training, so that no part is nearly linear, and
  /// gains that are not all 1.
  func parameters() throws -> ModelParameters {
    let layout = ParameterLayout(model)
    var numbers = SplitMix64(seed: 5)
    return try ModelParameters(
      layout,
      values: layout.tensors.flatMap { tensor in
        tensor.range.map { _ in
          let number = Float(2 * numbers.unit() - 1)
          return tensor.isMatrix ? number * 0.5 : 1 + number / 2
        }
      })
  }

  func batch() throws -> TrainingBatch {
    var numbers = SplitMix64(seed: 6)
    let count = lengths.reduce(0, +)
    func tokens() -> [Int] {
      (0..<count).map { _ in Int(numbers.next() % UInt64(model.vocabulary)) }
    }
    // Some targets have weight 0 in the loss.
    return try TrainingBatch(
      tokens: tokens(), targets: tokens(), weights: (0..<count).map { Float(($0 + 1) % 4) / 2 },
      lengths: lengths)
  }

  static func all() throws -> [TrainingCase] {
    let grouped = try LlamaConfiguration(
      layers: 2, hidden: 20, intermediate: 27, queryHeads: 6, keyHeads: 2, headDimension: 12,
      vocabulary: 19, contextLength: 64)
    let single = try LlamaConfiguration(
      layers: 1, hidden: 16, intermediate: 24, queryHeads: 2, keyHeads: 2, headDimension: 8,
      vocabulary: 33, contextLength: 64)
    // Six query heads share a key head, so a block has sixteen queries.
    let shared = try LlamaConfiguration(
      layers: 1, hidden: 12, intermediate: 16, queryHeads: 6, keyHeads: 1, headDimension: 4,
      vocabulary: 11, contextLength: 64)
    let scalars = (0..<12).map { Float($0) / 11 }
    return [
      TrainingCase(
        testDescription: "causal, groups of 3, two texts", model: grouped, rule: .causal,
        lengths: [13, 6]),
      TrainingCase(
        testDescription: "causal, no groups", model: single, rule: .causal, lengths: [9, 1, 3]),
      TrainingCase(
        testDescription: "streaming", model: single, rule: .streaming(sinks: 2, window: 3),
        lengths: [17, 4]),
      TrainingCase(
        testDescription: "streaming past some blocks", model: shared,
        rule: .streaming(sinks: 3, window: 5), lengths: [37]),
      TrainingCase(
        testDescription: "causal past some blocks", model: shared, rule: .causal, lengths: [37]),
      TrainingCase(
        testDescription: "mixed", model: grouped,
        rule: .mixed(scalars: scalars, sinks: 1, window: 4), lengths: [11, 5]),
    ]
  }
}

/// Some of `count` indices, all of them if they are few.
func sample(_ count: Int, _ wanted: Int, seed: UInt64) -> [Int] {
  if count <= wanted { return Array(0..<count) }
  var numbers = SplitMix64(seed: seed)
  return (0..<wanted).map { _ in Int(numbers.next() % UInt64(count)) }
}
