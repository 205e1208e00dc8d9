import KVPolicyKit

/// Reads a small set of rows, and everything when the queries have turned; the set is then chosen
/// anew. Nothing is forgotten.
///
/// Xu et al., "RefreshKV: Updating Small KV Cache During Long-form Generation", 2024. The authors
/// published no code; where the paper leaves the method open, the choice is ours.
public struct RefreshKV: RowReader {
  /// The name in configurations.
  public static let name = "refreshkv"
  /// What is read.
  public static let summary = "reads a small set of rows, chosen anew when the queries turn"
  /// Where the method was published.
  public static let source = "Xu et al., 2024"

  private let (partial, checkEvery, kernel): (Int, Int, Int)
  private let threshold: Double?
  private let pool: Pooling
  private let gqa: GroupReduction
  /// What is remembered of each layer.
  private var layers: [Layer] = []
  /// The rows of a lane's set; kept for its memory.
  private var members: [Int] = []

  /// What is remembered of a layer between steps.
  private struct Layer {
    /// The mean query of the last step that read everything; empty before the first.
    var query: [Float] = []
    /// Whether the step at hand reads everything.
    var isFull = true
    /// By lane: the rank of the next row that joins the set.
    var nextRank: [Float]
  }

  /// A row's rank in the column: `new` until its first step has ended, 0 if the row is not in the
  /// set, else the higher the longer the row stays.
  private static let new: Float = -1

  /// Reads the reader's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    partial = try settings.integer(
      "partial", default: 1024, atLeast: 1, "rows of the set; a step reads the new row beside them")
    checkEvery = try settings.integer(
      "checkEvery", default: 5, atLeast: 1, "steps from one comparison of queries to the next")
    threshold = try settings.optionalNumber(
      "threshold", default: 0.85, in: -1...1,
      "cosine up to which the query has turned; null to compare never")
    kernel = try settings.integer("kernel", default: 7, atLeast: 1, "width of the pooling; odd")
    pool = try settings.choice("pool", default: .max, "how scores are smoothed over neighbours")
    let window = try settings.integer(
      "window", default: 1, atLeast: 1, "queries whose probabilities are the scores; 1")
    gqa = try settings.choice(
      "gqa", default: .max, "how the query heads of a group become one score")
    guard kernel % 2 == 1 else { throw settings.impossible("kernel (\(kernel)) must be odd") }
    guard window == 1 else {
      throw settings.impossible(
        "a window of \(window) queries is not possible: a step that refreshes the set has one; use 1"
      )
    }
  }

  /// The set, and the new row.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    guard rows >= 2 else {
      throw .impossible(
        policy: name, reason: "a budget of \(rows) is too small; use 2 or more")
    }
    return ["partial": .integer(rows - 1)]
  }

  /// The probabilities and the queries of the prompt's last token and of full steps.
  public var signals: Set<Signal> { [.promptRows(1), .stepProbabilities, .queries(.atPosition)] }
  /// The ranks.
  public func columns(for shape: CacheShape) -> [Column] {
    [.scalar("refresh", initial: RefreshKV.new)]
  }
  /// The queries.
  public var stateBytes: Int { layers.reduce(0) { $0 + 4 * ($1.query.count + $1.nextRank.count) } }

  /// The prompt's last token reads everything, so it chooses the first set.
  public mutating func prefill(_ layer: borrowing LayerView) {
    guard case .chunk(_, isLast: true) = layer.moment else { return }
    makeRoom(layer.shape)
    layers[layer.layer].query = meanQuery(layer)
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      var probabilities: [[Float]] = []
      lane.forEachPromptRow { row in
        // Where the policy looks at several queries, the newest comes last.
        probabilities = (0..<lane.group).map { Softmax.over(row.logits($0)) }
      }
      choose(lane, gqa(probabilities))
    }
  }

  /// Reads the set and the new row; or everything, if the query has turned.
  public mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
    guard case .step(let index) = layer.moment else { return }
    makeRoom(layer.shape)
    var isFull = layers[layer.layer].query.isEmpty
    if !isFull, let threshold, index % checkEvery == 0 {
      isFull = cosine(meanQuery(layer), layers[layer.layer].query) <= threshold
    }
    layers[layer.layer].isFull = isFull
    if isFull { return layers[layer.layer].query = meanQuery(layer) }
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let ranks = lane.column(0)
      members.removeAll(keepingCapacity: true)
      for row in ranks.indices where ranks[row] != 0 { members.append(row) }
      plan.read(rows: members, of: lane.id)
    }
  }

  /// After a full step chooses the set anew; else the new row joins it, and the row of the lowest
  /// rank leaves.
  public mutating func step(_ layer: borrowing LayerView) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      if layers[layer.layer].isFull {
        var probabilities: [[Float]] = []
        for query in 0..<lane.group {
          let row = lane.probabilities(query)
          probabilities.append(row.indices.map { row[$0] })
        }
        choose(lane, gqa(probabilities))
      } else {
        replace(lane)
      }
    }
  }

  /// The set of a lane: its newest row, and the best of the others by their pooled scores.
  private mutating func choose(_ lane: borrowing LaneView, _ scores: [Float]) {
    let rows = lane.rowsByPosition()
    let ranking = RefreshKV.ranking(
      rows.map { scores[$0] }, partial: partial, kernel: kernel, pool: pool)
    var ranks = lane.mutableColumn(0)
    for row in ranks.indices { ranks[row] = 0 }
    for (rank, index) in ranking.enumerated() { ranks[rows[index]] = Float(rank + 1) }
    layers[lane.id.layer].nextRank[lane.id.head] = Float(ranking.count + 1)
  }

  /// The rows that a full step leaves in the set, by index, the first to leave it first.
  ///
  /// - Parameter scores: one score per row, the newest row last.
  static func ranking(_ scores: [Float], partial: Int, kernel: Int, pool: Pooling) -> [Int] {
    guard let newest = scores.indices.last else { return [] }
    let pooled = pool(Array(scores[..<newest]), kernel: kernel)
    var best: [Int] = []
    Selection.largest(partial - 1, of: pooled, in: pooled.indices, into: &best)
    // NaN is what no other number equals; it counts as the least.
    let worth = pooled.map { $0.isNaN ? -.infinity : $0 }
    return best.sorted { (worth[$0], $1) < (worth[$1], $0) } + [newest]
  }

  /// Takes the new row into a lane's set.
  private mutating func replace(_ lane: borrowing LaneView) {
    var ranks = lane.mutableColumn(0)
    var (members, lowest) = (0, 0)
    for row in ranks.indices where ranks[row] != 0 {
      if ranks[row] == RefreshKV.new {
        ranks[row] = layers[lane.id.layer].nextRank[lane.id.head]
        layers[lane.id.layer].nextRank[lane.id.head] += 1
      }
      if members == 0 || ranks[row] < ranks[lowest] { lowest = row }
      members += 1
    }
    if members > partial { ranks[lowest] = 0 }
  }

  /// The mean of the newest token's queries over all query heads.
  private func meanQuery(_ layer: borrowing LayerView) -> [Float] {
    var sum = [Float](repeating: 0, count: layer.shape.headDimension)
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      for query in 0..<lane.group {
        let vector = lane.query(lane.queryCount - 1, head: query, .atPosition)
        for element in vector.indices { sum[element] += vector[element] }
      }
    }
    return sum.map { $0 / Float(layer.shape.queryHeads) }
  }

  private func cosine(_ a: [Float], _ b: [Float]) -> Double {
    let lengths = (Double(a.span.dot(a.span)) * Double(b.span.dot(b.span))).squareRoot()
    return lengths > 0 ? Double(a.span.dot(b.span)) / lengths : 0
  }

  private mutating func makeRoom(_ shape: CacheShape) {
    guard layers.isEmpty else { return }
    let layer = Layer(nextRank: Array(repeating: 1, count: shape.keyHeads))
    layers = Array(repeating: layer, count: shape.layers)
  }
}
