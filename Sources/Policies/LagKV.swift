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
    var (keys, values) = ([[Float]](), [[Float]]())
    lane.forEachKey(of: rows) { _, key in keys.append(key.indices.map { key[$0] }) }
    lane.forEachValue(of: rows) { _, value in values.append(value.indices.map { value[$0] }) }
    let partitions = (rows.count - sinks) / lag
    for partition in 0..<partitions - 1 {
      let first = sinks + partition * lag
      let (own, next) = (first..<first + lag, first + lag..<first + 2 * lag)
      let spread = zip(LagKV.shares(keys, own, next), LagKV.shares(values, own, next)).map(+)
      let order = own.indices.sorted { spread[$0 - first] < spread[$1 - first] }
      for (rank, index) in order.enumerated() { scores[index] = Float(rank) / Float(lag) }
    }
    return scores
  }

  /// The softmax over the rows `own` of how much their elements differ, each element scaled by its
  /// range in the rows `next`.
  private static func shares(
    _ vectors: [[Float]], _ own: Range<Int>, _ next: Range<Int>
  ) -> [Float] {
    let width = vectors[own.lowerBound].count
    let ranges = (0..<width).map { element in
      let elements = next.map { vectors[$0][element] }
      return (least: elements.min() ?? 0, most: elements.max() ?? 0)
    }
    let deviations = own.map { row in
      let scaled = (0..<width).map { element in
        let range = ranges[element]
        return range.most > range.least
          ? (vectors[row][element] - range.least) / (range.most - range.least) : 0
      }
      let mean = scaled.reduce(0, +) / Float(width)
      let squares = scaled.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (squares / Float(width - 1)).squareRoot()
    }
    return Softmax.over(deviations.span)
  }
}
