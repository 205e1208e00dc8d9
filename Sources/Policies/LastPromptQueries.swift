import KVPolicyKit

/// The last queries of a prompt, kept until the prompt ends, and the attention that they give to
/// the rows of a lane.
///
/// The softmax of a query runs over every row of the lane, the rows after the query included, and
/// only then are the rows after the query left out (`patch_llama.py` of ghadiaravi13/MorphKV). A
/// query near the beginning so gives less than 1 in all.
///
/// Queries are kept by their number within the prompt, and added from the oldest to the newest, so
/// how a prompt is cut into chunks changes nothing.
struct LastPromptQueries: Sendable {
  /// The most queries that are kept.
  let limit: Int
  private var layers: [Layer] = []

  /// The queries of one layer.
  private struct Layer: Sendable {
    /// Queries of the prompt so far, those no longer kept included.
    var seen = 0
    /// The query of number `n` begins at `n % limit × queryHeads × headDimension`.
    var vectors: [Float] = []
  }

  /// Keeps the last `limit` queries.
  init(limit: Int) { self.limit = max(1, limit) }

  /// Bytes of the queries that are kept now.
  var bytes: Int { layers.reduce(0) { $0 + 4 * $1.vectors.count } }

  /// Keeps the queries of a chunk.
  mutating func add(_ layer: borrowing LayerView) {
    if layers.isEmpty { layers = Array(repeating: Layer(), count: layer.shape.layers) }
    let size = layer.shape.queryHeads * layer.shape.headDimension
    let count = layer.lane(0).queryCount
    let first = layers[layer.layer].seen
    let room = min(limit, first + count) * size - layers[layer.layer].vectors.count
    if room > 0 { layers[layer.layer].vectors.append(contentsOf: repeatElement(0, count: room)) }
    layer.forEachLane { lane in
      for token in max(0, count - limit)..<count {
        for head in 0..<lane.group {
          let query = lane.query(token, head: head, .atPosition)
          let start =
            (first + token) % limit * size + (lane.id.head * lane.group + head) * query.count
          for element in query.indices {
            layers[layer.layer].vectors[start + element] = query[element]
          }
        }
      }
    }
    layers[layer.layer].seen = first + count
  }

  /// Forgets the queries of a layer, whose prompt has ended.
  mutating func remove(layer: Int) { layers[layer] = Layer() }

  /// The attention that the kept queries of one query head of the group give to each row.
  ///
  /// - Complexity: O(queries × rows × headDimension), eight elements at a time; memory for the
  ///   lane's keys as floats.
  func attention(of head: Int, to lane: borrowing LaneView, _ shape: CacheShape) -> [Float] {
    let layer = layers[lane.id.layer]
    let (rows, width, positions) = (lane.count, shape.headDimension, lane.positions)
    let keys = lane.keys(of: Array(0..<rows))
    let scale = 1 / Float(width).squareRoot()
    var total = [Float](repeating: 0, count: rows)
    for number in max(0, layer.seen - limit)..<layer.seen {
      let start =
        (number % limit * shape.queryHeads + lane.id.head * lane.group + head) * width
      let query = layer.vectors.span.extracting(start..<start + width)
      var logits: [Float] = []
      logits.reserveCapacity(rows)
      for row in 0..<rows {
        let key = keys.span.extracting(row * width..<(row + 1) * width)
        logits.append(query.dot(key) * scale)
      }
      let position = Int32(lane.length.tokens - layer.seen + number)
      let probabilities = Softmax.over(logits.span)
      for row in 0..<rows where positions[row] <= position { total[row] += probabilities[row] }
    }
    return total
  }
}
