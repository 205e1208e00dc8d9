/// The points that no other point beats: none costs at most as much and is at least as good, and
/// differs.
enum ParetoFront {
  /// The indices of the points on the front, by ascending cost. Points with numbers that are not
  /// finite are not on it; equal points are on it together. O(n log n).
  ///
  /// - Parameters:
  ///   - points: costs, of which less is better, and qualities.
  ///   - better: the direction of qualities.
  static func indices(
    of points: [(cost: Double, quality: Double)], better: SweepCell.Better
  ) -> [Int] {
    func rank(_ index: Int) -> (Double, Double, Int) {
      let quality = points[index].quality
      return (points[index].cost, better == .more ? -quality : quality, index)
    }
    let order = points.indices
      .filter { points[$0].cost.isFinite && points[$0].quality.isFinite }
      .sorted { rank($0) < rank($1) }
    var front: [Int] = []
    for index in order {
      guard let last = front.last else {
        front.append(index)
        continue
      }
      let (one, other) = (rank(last), rank(index))
      if other.1 < one.1 || (other.0, other.1) == (one.0, one.1) { front.append(index) }
    }
    return front
  }
}
