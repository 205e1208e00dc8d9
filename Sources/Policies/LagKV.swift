import KVPolicyKit

/// Keeps the rows whose keys and values vary most against the range of the rows that follow.
///
/// Liang et al., "LagKV: Lag-Relative Information of the KV Cache Tells Which Tokens Are
/// Important", 2025; behaviour of NVIDIA/kvpress `LagKVPress`. No attention is needed.
public struct LagKV: RowScore {
  /// The name in configurations.
  public static let name = "lagkv"
  /// What the score prefers.
  public static let summary = "keeps rows that stand out against the rows that follow"
  /// Where the score was published.
  public static let source = "Liang et al., 2025; NVIDIA/kvpress LagKVPress"

  let sinks: Int
  let lag: Int

  /// Reads the score's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    sinks = try settings.integer("sinks", default: 4, atLeast: 0, "first rows, which rank highest")
    lag = try settings.integer("lag", default: 128, atLeast: 2, "rows of a partition")
  }

  /// The rank of each row in its partition; 1 for the first rows and those after the last partition
  /// that another follows. Too few rows for two partitions rank by age.
  public func scores(_ lane: borrowing LaneView, of rows: [Int]) -> [Float] {
    var scores = [Float](repeating: 1, count: rows.count)
    guard rows.count >= sinks + 2 * lag else {
      for index in scores.indices where index >= sinks {
        scores[index] = Float(index - sinks) / Float(rows.count - sinks)
      }
      return scores
    }
    let partitions = (rows.count - sinks) / lag
    // Backwards, because a partition is scaled by the range of the rows that follow it.
    let reversed = Array(rows[sinks..<sinks + partitions * lag].reversed())
    var (keys, values) = (Deviations(lag: lag), Deviations(lag: lag))
    lane.forEachKey(of: reversed) { index, key in keys.read(key, at: index) }
    lane.forEachValue(of: reversed) { index, value in values.read(value, at: index) }
    for start in stride(from: lag, to: reversed.count, by: lag) {
      let own = start..<start + lag
      let spread = zip(keys.shares(own), values.shares(own)).map(+)
      let order = own.sorted { (spread[$0 - start], $1) < (spread[$1 - start], $0) }
      for (rank, index) in order.enumerated() {
        scores[sinks + reversed.count - 1 - index] = Float(rank) / Float(lag)
      }
    }
    return scores
  }
}

/// How much the elements of each vector differ, once each element is scaled by its range in the
/// partition that was read before.
private struct Deviations {
  let lag: Int
  /// The range of the partition that is being read: the least and the most of each element.
  private var range: [(least: SIMD8<Float>, most: SIMD8<Float>)] = []
  /// What brings each element into the range of the partition before.
  private var scaling: [(offset: SIMD8<Float>, factor: SIMD8<Float>)] = []
  private var deviations: [Float] = []

  init(lag: Int) { self.lag = lag }

  mutating func read(_ vector: Span<Float>, at index: Int) {
    if index % lag == 0 { beginPartition(width: vector.count) }
    var (sum, squares) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
    for part in range.indices {
      let elements = vector.eight(from: 8 * part)
      range[part] = (
        pointwiseMin(range[part].least, elements), pointwiseMax(range[part].most, elements)
      )
      let scaled = (elements - scaling[part].offset) * scaling[part].factor
      sum += scaled
      squares += scaled * scaled
    }
    let (count, total) = (Float(vector.count), sum.sum())
    let variance = (squares.sum() - total * total / count) / (count - 1)
    deviations.append(max(variance, 0).squareRoot())
  }

  private mutating func beginPartition(width: Int) {
    scaling = range.map { least, most in
      let width = most - least
      return (least, (1 / width).replacing(with: 0, where: width .== 0))
    }
    let parts = (width + 7) / 8
    if scaling.isEmpty { scaling = Array(repeating: (.zero, .zero), count: parts) }
    range = Array(
      repeating: (SIMD8(repeating: .infinity), SIMD8(repeating: -.infinity)), count: parts)
  }

  /// The softmax of the deviations of some vectors.
  func shares(_ vectors: Range<Int>) -> [Float] {
    let part = Array(deviations[vectors])
    return Softmax.over(part.span)
  }
}
