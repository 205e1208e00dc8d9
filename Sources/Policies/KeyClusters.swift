import KVPolicyKit

/// Keys grouped by their directions.
struct KeyClusters {
  /// The mean of each cluster's keys: `clusters × width`.
  private(set) var centroids: [Float]
  /// The cluster of each key.
  private(set) var labels: [Int]
  private let width: Int

  /// Groups keys by k-means. A key goes to the centroid of the greatest cosine, of equal cosines to
  /// the lower cluster. A cluster without keys keeps its centroid.
  ///
  /// - Parameters:
  ///   - keys: the keys, one after the other.
  ///   - width: elements of a key.
  ///   - clusters: how many clusters; at most one for each key. The initial centroids are keys at
  ///     even distances.
  ///   - iterations: how often centroids become means. The keys are assigned once more afterwards.
  /// - Complexity: O(iterations × keys × clusters × width).
  init(_ keys: [Float], width: Int, clusters: Int, iterations: Int) {
    let count = keys.count / width
    let clusters = min(clusters, count)
    self.width = width
    labels = Array(repeating: 0, count: count)
    centroids = []
    for cluster in 0..<clusters {
      let first = cluster * count / clusters * width
      centroids += keys[first..<first + width]
    }
    var before: [Int] = []
    for _ in 0..<iterations {
      assign(keys)
      // Equal labels have equal means, so nothing would change any more.
      if labels == before { return }
      average(keys)
      before = labels
    }
    assign(keys)
  }

  private mutating func assign(_ keys: [Float]) {
    let clusters = centroids.count / width
    let scales = (0..<clusters).map { cluster in
      let centroid = centroids.span.extracting(cluster * width..<(cluster + 1) * width)
      let length = centroid.dot(centroid).squareRoot()
      return length > 0 ? 1 / length : 0
    }
    for row in labels.indices {
      let key = keys.span.extracting(row * width..<(row + 1) * width)
      var (best, most) = (0, -Float.infinity)
      for cluster in 0..<clusters {
        let centroid = centroids.span.extracting(cluster * width..<(cluster + 1) * width)
        // The key's own length changes no order.
        let cosine = key.dot(centroid) * scales[cluster]
        if cosine > most { (best, most) = (cluster, cosine) }
      }
      labels[row] = best
    }
  }

  private mutating func average(_ keys: [Float]) {
    var sums = [Float](repeating: 0, count: centroids.count)
    var counts = [Int](repeating: 0, count: centroids.count / width)
    for (row, cluster) in labels.enumerated() {
      counts[cluster] += 1
      for element in 0..<width { sums[cluster * width + element] += keys[row * width + element] }
    }
    for (cluster, count) in counts.enumerated() where count > 0 {
      for element in cluster * width..<(cluster + 1) * width {
        centroids[element] = sums[element] / Float(count)
      }
    }
  }
}
