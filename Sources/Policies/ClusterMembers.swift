import KVPolicyKit

/// The rows of one lane by cluster.
struct ClusterMembers {
  /// How many clusters there are.
  let clusters: Int
  /// Rows in clusters.
  let count: Int
  /// All rows in ascending position, and the cluster of each; −1 for a row outside the clusters.
  private let (ordered, labels): ([Int], [Int])
  /// For each cluster the indices of its rows among `ordered`.
  private let members: [[Int]]

  init(_ lane: borrowing LaneView, clusters: Int) {
    self.clusters = clusters
    ordered = lane.rowsByPosition()
    let counts = lane.counts(0)
    // Rows of a prompt that did not come to its end are in no cluster yet.
    labels = ordered.map { counts[$0] > UInt32(clusters) ? -1 : Int(counts[$0]) - 1 }
    var members = [[Int]](repeating: [], count: clusters)
    for (index, label) in labels.enumerated() where label >= 0 { members[label].append(index) }
    self.members = members
    count = members.reduce(0) { $0 + $1.count }
  }

  /// The rows outside the clusters and `room` rows of the clusters of the greatest scores, in
  /// ascending position. Of equal scores the lower cluster comes first; the last cluster may lose
  /// its latest rows.
  func rows(best room: Int, by scores: [Float]) -> [Int] {
    var isRead = labels.map { $0 < 0 }
    var left = room
    let worth = scores.map { $0.isNaN ? -.infinity : $0 }
    for cluster in members.indices.sorted(by: { (worth[$0], $1) > (worth[$1], $0) }) {
      guard left > 0 else { break }
      for index in members[cluster].prefix(left) { isRead[index] = true }
      left -= members[cluster].count
    }
    return ordered.indices.filter { isRead[$0] }.map { ordered[$0] }
  }
}
