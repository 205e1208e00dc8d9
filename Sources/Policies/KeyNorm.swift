import KVPolicyKit

/// Keeps the keys of the smallest norms, which tend to get the most attention.
///
/// Devoto et al., "A Simple and Effective L2 Norm-Based Strategy for KV Cache Compression", EMNLP
/// 2024; behaviour of NVIDIA/kvpress `KnormPress`. No attention is needed.
public struct KeyNorm: RowScore {
  /// The name in configurations.
  public static let name = "knorm"
  /// What the score prefers.
  public static let summary = "keeps the keys with the smallest norms"
  /// Where the score was published.
  public static let source = "Devoto et al., EMNLP 2024; NVIDIA/kvpress KnormPress"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// Scores are negative.
  public var mayBeNegative: Bool { true }

  /// Minus the Euclidean norm of each key.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    var scores = [Float](repeating: 0, count: rows.count)
    lane.forEachKey(of: rows) { index, key in scores[index] = -key.dot(key).squareRoot() }
    return scores
  }
}
