import KVPolicyKit

/// Means and scatters of a text's un-rotated queries, for each query head.
///
/// Queries are added one after the other, so how a prompt is cut into chunks changes nothing.
struct QueryStatistics: Sendable {
  /// The mean and the scatter of one query head's queries.
  struct Head: Sendable {
    var count: Float = 0
    /// The mean: `headDimension` elements.
    var mean: [Float]
    /// The sum of the products of the queries' deviations from the mean, row by row; empty if it is
    /// not wanted.
    var scatter: [Float]
  }

  /// Whether scatters are wanted.
  let hasScatter: Bool
  /// The first positions of the text whose queries are left out.
  let sinks: Int
  private var heads: [Head] = []
  private var keyHeads = 0

  init(sinks: Int, scatter: Bool) {
    self.sinks = sinks
    hasScatter = scatter
  }

  /// Bytes of the means and scatters.
  var bytes: Int { heads.reduce(0) { $0 + 4 * ($1.mean.count + $1.scatter.count) } }

  /// The statistics of a query head of a lane's group; nil before the first prompt.
  func head(_ head: Int, of lane: borrowing LaneView) -> Head? {
    heads.isEmpty
      ? nil : heads[(lane.id.layer * keyHeads + lane.id.head) * lane.group + head]
  }

  /// Adds the queries of a chunk.
  mutating func add(_ layer: borrowing LayerView) {
    guard case .chunk(let tokens, _) = layer.moment else { return }
    let (shape, width) = (layer.shape, layer.shape.headDimension)
    if heads.isEmpty {
      keyHeads = shape.keyHeads
      let none = [Float](repeating: 0, count: width)
      let scatter = hasScatter ? Array(repeating: Float(0), count: width * width) : []
      heads = Array(
        repeating: Head(mean: none, scatter: scatter), count: shape.layers * shape.queryHeads)
    }
    for keyHead in 0..<shape.keyHeads {
      let lane = layer.lane(keyHead)
      for head in 0..<shape.group {
        let index = layer.layer * shape.queryHeads + keyHead * shape.group + head
        for token in 0..<lane.queryCount where tokens.lowerBound + token >= sinks {
          heads[index].add(lane.query(token, head: head, .raw))
        }
      }
    }
  }
}

extension QueryStatistics.Head {
  /// Adds one query.
  fileprivate mutating func add(_ query: Span<Float>) {
    count += 1
    var deviation = mean
    for element in query.indices {
      deviation[element] = query[element] - mean[element]
      mean[element] += deviation[element] / count
    }
    guard !scatter.isEmpty else { return }
    // The deviation from the new mean is this share of the deviation from the old one.
    let share = (count - 1) / count
    var rows = scatter.mutableSpan
    for row in query.indices {
      rows.add(deviation.span, times: deviation[row] * share, from: row * query.count)
    }
  }

  /// `xᵀ C x` for the covariance C of the queries.
  func variance(along x: Span<Float>) -> Float {
    guard count > 0 else { return 0 }
    let rows = scatter.span
    var sum: Float = 0
    for row in x.indices {
      sum += x[row] * rows.extracting(row * x.count..<(row + 1) * x.count).dot(x)
    }
    return sum / count
  }
}

extension RowScore {
  /// The scores of rows whose first `sinks` rank highest; `judge` scores the others.
  func scores(
    of rows: [Int], after sinks: Int, _ judge: ([Int]) -> [Float]
  ) -> [Float] {
    let judged = Array(rows.dropFirst(sinks))
    return rows.prefix(sinks).map { _ in .greatestFiniteMagnitude }
      + (judged.isEmpty ? [] : judge(judged))
  }
}

extension Settings {
  /// The number of future positions over which the rotation is averaged.
  mutating func futurePositions() throws(PolicyError) -> Int {
    try integer(
      "futurePositions", default: 512, atLeast: 1, atMost: 1 << 20,
      "next positions, over which the rotation of queries is averaged")
  }
}
