/// The median of several measurements of one quantity, and the smallest and largest measurement.
public struct Spread: Codable, Hashable, Sendable {
  /// The median; for an even number of measurements, the mean of the middle two.
  public var median: Double
  /// The smallest measurement.
  public var least: Double
  /// The largest measurement.
  public var most: Double

  /// The spread of at least one measurement, in any order. O(n log n)
  init(_ values: [Double]) {
    precondition(!values.isEmpty, "a median needs at least one value")
    let sorted = values.sorted()
    let middle = sorted.count / 2
    // Halves each value before adding, because the sum of two large finite numbers can be infinite.
    median =
      sorted.count.isMultiple(of: 2)
      ? sorted[middle - 1] / 2 + sorted[middle] / 2 : sorted[middle]
    (least, most) = (sorted[0], sorted[sorted.count - 1])
  }

  /// The spread of `amount` divided by each measurement: turns seconds into a speed.
  func rate(_ amount: Double) -> Spread {
    var rate = self
    (rate.median, rate.least, rate.most) = (amount / median, amount / most, amount / least)
    return rate
  }
}
