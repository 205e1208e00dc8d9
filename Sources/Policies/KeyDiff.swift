import KVPolicyKit

/// Keeps the keys that are least like the mean key of the lane.
///
/// Park et al., "KeyDiff: Key Similarity-Based KV Cache Eviction", 2025; behaviour of
/// NVIDIA/kvpress `KeyDiffPress`. No attention is needed.
public struct KeyDiff: RowScore {
  /// The name in configurations.
  public static let name = "keydiff"
  /// What the score prefers.
  public static let summary = "keeps the keys least like the mean key"
  /// Where the score was published.
  public static let source = "Park et al., 2025; NVIDIA/kvpress KeyDiffPress"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// Cosines have both signs.
  public var mayBeNegative: Bool { true }

  /// Minus the cosine between each key and the mean of all keys of length 1.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    var anchor: [Float] = []
    lane.forEachKey(of: lane.rowsByPosition()) { _, key in
      let scale = 1 / max(key.dot(key).squareRoot(), .leastNormalMagnitude)
      if anchor.isEmpty { anchor = [Float](repeating: 0, count: key.count) }
      for index in 0..<key.count { anchor[index] += key[index] * scale }
    }
    var scores = [Float](repeating: 0, count: rows.count)
    lane.forEachKey(of: rows) { index, key in
      let norm = max(key.dot(key).squareRoot(), .leastNormalMagnitude)
      scores[index] = -key.dot(anchor.span) / norm
    }
    return scores
  }
}
