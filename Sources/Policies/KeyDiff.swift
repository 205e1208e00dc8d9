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
    let (all, width) = (lane.rowsByPosition(), lane.headDimension)
    let keys = lane.keys(of: all)
    var lengths: [Float] = []
    var anchor = [Float](repeating: 0, count: width)
    var sum = anchor.mutableSpan
    for first in stride(from: 0, to: keys.count, by: width) {
      let key = keys.span.extracting(first..<first + width)
      lengths.append(max(key.dot(key).squareRoot(), .leastNormalMagnitude))
      sum.add(key, times: 1 / lengths[lengths.count - 1])
    }
    var scores = [Float](repeating: 0, count: lane.count)
    for (index, row) in all.enumerated() {
      let key = keys.span.extracting(index * width..<(index + 1) * width)
      scores[row] = -key.dot(anchor.span) / lengths[index]
    }
    return rows.map { scores[$0] }
  }
}
