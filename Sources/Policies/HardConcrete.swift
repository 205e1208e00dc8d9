import Foundation
import KVPolicyKit

/// The gates that PruLong trains: each head's share of full attention, from 0 to 1, which training
/// draws from a hard concrete distribution with the parameter log α.
///
/// Behaviour of princeton-pli/PruLong, `prulong/training/l0.py`.
enum HardConcrete {
  /// The tensor of an artifact that holds log α of each layer and key head.
  static let name = "logAlpha"

  private static let temperature = 2.0 / 3
  /// The interval that gates are drawn from before they are cut to 0…1.
  private static let stretch = -0.1...1.1

  /// The probability that a drawn gate is 0. The published code multiplies by the temperature and
  /// then subtracts log α, which is not the distribution's own formula.
  static func probabilityOfZero(_ logAlpha: Double) -> Double {
    let edge = log(-stretch.lowerBound / stretch.upperBound)
    return min(max(sigmoid(temperature * edge - logAlpha), 1e-8), 1 - 1e-8)
  }

  /// The gates without chance: as many of a layer's gates are 0 as are expected to be, the lowest;
  /// of equal gates the first ones.
  static func gates(_ layer: [Double]) -> [Double] {
    let zeros = layer.reduce(0) { $0 + probabilityOfZero($1) }.rounded(.toNearestOrEven)
    var gates = layer.map { sigmoid(0.8 * $0 / temperature) }
    let ranked = gates.indices.sorted { (gates[$0], $0) < (gates[$1], $1) }
    for index in ranked.prefix(Int(zeros)) { gates[index] = 0 }
    return gates
  }

  /// The heads that PruLong's export names for a sparsity: those of the highest gates, the share
  /// 1 − `sparsity` of all heads, rounded down.
  static func fullHeads(_ logAlpha: Tensor, sparsity: Double) -> [[Bool]] {
    let (numbers, heads) = (logAlpha.values.map(Double.init), logAlpha.shape[1])
    let all = stride(from: 0, to: numbers.count, by: heads).flatMap {
      gates(Array(numbers[$0..<$0 + heads]))
    }
    return HeadProfile.highest(Int(Double(all.count) * (1 - sparsity)), of: all, heads: heads)
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}
