import KVPolicyKit

/// Reads the rows of the clusters of keys that match the query best. Nothing is forgotten.
///
/// Liu et al., "ClusterKV: Manipulating LLM KV Cache in Semantic Space for Recallable Compression",
/// 2024; behaviour of sjtu-zhao-lab/ClusterKV.
public struct ClusterKV: RowReader {
  /// The name in configurations.
  public static let name = "clusterkv"
  /// What is read.
  public static let summary = "reads the clusters of keys that match the query best"
  /// Where the method was published.
  public static let source = "Liu et al., 2024; sjtu-zhao-lab/ClusterKV"

  /// Which keys the clusters begin with.
  private enum Start: String, CaseIterable {
    /// Keys at even distances.
    case evenlySpaced
  }

  private let (clusters, iterations, budget): (Int, Int, Int)
  private let (sinks, denseLayers): (Int, Int)
  /// How many decoded tokens become how many clusters; nil if they stay outside the clusters and
  /// are always read.
  private let generated: (window: Int, clusters: Int)?
  private let gqa: ReadSharing
  /// By layer and head, the centroids of a lane, one after the other.
  private var centroids: [[[Float]]] = []
  /// Scores of a lane's clusters; kept for its memory.
  private var scores: [Float] = []

  /// The column's numbers: 0 for a row outside the clusters, which is always read; `pending` for a
  /// row of the prompt at hand; else the row's cluster + 1.
  private static let pending = UInt32.max

  /// Reads the reader's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    clusters = try settings.integer(
      "clusters", default: 64, atLeast: 1, "clusters of a prompt's keys; fewer for fewer keys")
    iterations = try settings.integer(
      "iterations", default: 10, atLeast: 0, "how often the centroids are moved")
    _ = try settings.choice(
      "init", default: Start.evenlySpaced, "the keys that clusters begin with")
    budget = try settings.integer(
      "budget", default: 1024, atLeast: 1, "rows that a query reads, sinks included")
    sinks = try settings.integer(
      "sinks", default: 16, atLeast: 0, "first tokens, which are always read")
    denseLayers = try settings.integer(
      "denseLayers", default: 2, atLeast: 0, "first layers that read everything")
    generated = try settings.group(
      "generated", or: "always", "decoded tokens: read always, or clustered window by window"
    ) { settings throws(PolicyError) in
      (
        window: try settings.integer(
          "window", default: 320, atLeast: 1, "decoded tokens that are clustered together"),
        clusters: try settings.integer("clusters", default: 8, atLeast: 1, "their clusters")
      )
    }
    gqa = try settings.choice(
      "gqa", default: .max, "which products choose: each query head's own, or those of a group")
    guard iterations <= 1000 else {
      throw settings.impossible(
        "\(iterations) iterations would take too long; use at most 1000")
    }
    guard budget > sinks else {
      throw settings.impossible(
        "a budget of \(budget) rows leaves none to choose beside \(sinks) sinks; raise it above \(sinks)"
      )
    }
    if let generated, generated.clusters > generated.window {
      throw settings.impossible(
        "a window of \(generated.window) tokens cannot become \(generated.clusters) clusters; use at "
          + "most \(generated.window)")
    }
  }

  /// At most a quarter of the rows are sinks, and all layers read the budget.
  public static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue] {
    ["budget": .integer(rows), "sinks": .integer(min(16, rows / 4)), "denseLayers": 0]
  }

  /// The clusters.
  public func columns(for shape: CacheShape) -> [Column] {
    [.ring("cluster", width: 1, of: .count)]
  }
  /// The centroids.
  public var stateBytes: Int { centroids.joined().reduce(0) { $0 + 4 * $1.count } }

  /// Clusters the prompt's keys behind the sinks when the prompt ends.
  public mutating func prefill(_ layer: borrowing LayerView) {
    guard layer.layer >= denseLayers, case .chunk(let tokens, let isLast) = layer.moment else {
      return
    }
    makeRoom(layer.shape)
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let positions = lane.positions
      var labels = lane.mutableCounts(0)
      for row in labels.indices
      where labels[row] == 0 && tokens.contains(Int(positions[row]))
        && positions[row] >= Int32(clamping: sinks)
      {
        labels[row] = ClusterKV.pending
      }
      if isLast {
        let rows = lane.rowsByPosition().filter { labels[$0] == ClusterKV.pending }
        cluster(rows, of: lane, into: clusters)
      }
    }
  }

  /// Clusters the decoded tokens when there are enough of them.
  public mutating func step(_ layer: borrowing LayerView) {
    guard let generated, layer.layer >= denseLayers else { return }
    makeRoom(layer.shape)
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let (labels, positions) = (lane.counts(0), lane.positions)
      var waiting: [Int] = []
      for row in labels.indices
      where labels[row] == 0 && positions[row] >= Int32(clamping: sinks) {
        waiting.append(row)
      }
      guard waiting.count >= generated.window else { continue }
      waiting.sort { positions[$0] < positions[$1] }
      cluster(waiting, of: lane, into: generated.clusters)
    }
  }

  /// Makes new clusters of some rows of a lane.
  private mutating func cluster(_ rows: [Int], of lane: borrowing LaneView, into clusters: Int) {
    guard !rows.isEmpty else { return }
    let keys = lane.keys(of: rows)
    let width = keys.count / rows.count
    let made = KeyClusters(keys, width: width, clusters: clusters, iterations: iterations)
    let known = centroids[lane.id.layer][lane.id.head].count / width
    centroids[lane.id.layer][lane.id.head] += made.centroids
    var labels = lane.mutableCounts(0)
    for (row, label) in zip(rows, made.labels) { labels[row] = UInt32(known + label + 1) }
  }

  /// Reads the rows outside the clusters, and of the best clusters as many as the budget allows.
  public mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan) {
    guard layer.layer >= denseLayers else { return }
    makeRoom(layer.shape)
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let members = ClusterMembers(
        lane, clusters: centroids[layer.layer][head].count / layer.shape.headDimension)
      let room = room(in: lane, clustered: members.count)
      let lists = score(lane)
      for list in 0..<lists {
        let count = members.clusters
        let scores = scores[list * count..<(list + 1) * count]
        let rows = members.rows(best: room, by: Array(scores))
        plan.read(rows: rows, of: lane.id, head: gqa == .perQueryHead ? list : nil)
      }
    }
  }

  /// How many clustered rows a query reads.
  private func room(in lane: borrowing LaneView, clustered: Int) -> Int {
    let positions = lane.positions
    var first = 0
    for row in positions.indices where positions[row] < Int32(clamping: sinks) { first += 1 }
    return max(0, min(clustered + first, budget) - first)
  }

  /// Fills `scores` with the products of a lane's queries with its centroids, and returns how many
  /// lists of them there are.
  private mutating func score(_ lane: borrowing LaneView) -> Int {
    let centroids = centroids[lane.id.layer][lane.id.head]
    scores.removeAll(keepingCapacity: true)
    for head in 0..<lane.group {
      let query = lane.query(0, head: head, .atPosition)
      for first in stride(from: 0, to: centroids.count, by: query.count) {
        scores.append(query.dot(centroids.span.extracting(first..<first + query.count)))
      }
    }
    return gqa.reduce(&scores, group: lane.group)
  }

  private mutating func makeRoom(_ shape: CacheShape) {
    guard centroids.isEmpty else { return }
    centroids = Array(
      repeating: Array(repeating: [], count: shape.keyHeads), count: shape.layers)
  }
}
