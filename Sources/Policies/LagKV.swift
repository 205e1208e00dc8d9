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
    let width = lane.headDimension
    var keys = Deviations(lane.keys(of: reversed), width: width)
    var values = Deviations(lane.values(of: reversed), width: width)
    for start in stride(from: lag, to: reversed.count, by: lag) {
      let own = start..<start + lag
      keys.scale(by: start - lag..<start)
      values.scale(by: start - lag..<start)
      let spread = zip(keys.shares(own), values.shares(own)).map { $0 + $1 }
      let order = own.sorted { (spread[$0 - start], $1) < (spread[$1 - start], $0) }
      for (rank, index) in order.enumerated() {
        scores[sinks + reversed.count - 1 - index] = Float(rank) / Float(lag)
      }
    }
    return scores
  }
}

/// How much the elements of each vector differ, once each element is scaled by its range in the
/// partition before.
private struct Deviations {
  private let numbers: [Float]
  private let width: Int
  /// The scaling that brings each element into the range of the partition before, eight at a time.
  private var scaling: [(offset: SIMD8<Float>, factor: SIMD8<Float>)]

  init(_ numbers: [Float], width: Int) {
    self.numbers = numbers
    self.width = width
    scaling = Array(repeating: (.zero, .zero), count: (width + 7) / 8)
  }

  /// The softmax of the deviations of a partition's vectors.
  func shares(_ partition: Range<Int>) -> [Float] {
    let deviations = partition.map(deviation)
    return Softmax.over(deviations.span)
  }

  /// Scales what follows by the range of a partition.
  mutating func scale(by partition: Range<Int>) {
    for part in scaling.indices { scaling[part] = range(of: partition, at: 8 * part) }
  }

  private func vector(_ index: Int) -> Range<Int> { index * width..<(index + 1) * width }

  private func deviation(_ index: Int) -> Float {
    let vector = numbers.span.extracting(vector(index))
    var (sum, squares) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
    for part in scaling.indices {
      let scaled = (vector.eight(from: 8 * part) - scaling[part].offset) * scaling[part].factor
      sum += scaled
      squares += scaled * scaled
    }
    let (count, total) = (Float(width), sum.sum())
    let variance = (squares.sum() - total * total / count) / (count - 1)
    return max(variance, 0).squareRoot()
  }

  private func range(
    of partition: Range<Int>, at element: Int
  ) -> (offset: SIMD8<Float>, factor: SIMD8<Float>) {
    var least = SIMD8<Float>(repeating: .infinity)
    var most = SIMD8<Float>(repeating: -.infinity)
    for index in partition {
      let elements = numbers.span.extracting(vector(index)).eight(from: element)
      // `pointwiseMin` would compare one element at a time.
      least.replace(with: elements, where: elements .< least)
      most.replace(with: elements, where: elements .> most)
    }
    let width = most - least
    return (least, (1 / width).replacing(with: 0, where: width .== 0))
  }
}
