/// The middle of several measurements of one thing, and how far they lie apart.
public struct Spread: Codable, Hashable, Sendable {
  /// The middle one; of an even number, the mean of the two in the middle.
  public var median: Double
  /// The least.
  public var least: Double
  /// The most.
  public var most: Double

  /// Sums up measurements, in any order; at least one. O(n log n)
  init(_ values: [Double]) {
    precondition(!values.isEmpty, "a median needs at least one value")
    let sorted = values.sorted()
    let middle = sorted.count / 2
    // Half of each, for the sum of two large numbers need not be one.
    median =
      sorted.count.isMultiple(of: 2)
      ? sorted[middle - 1] / 2 + sorted[middle] / 2 : sorted[middle]
    (least, most) = (sorted[0], sorted[sorted.count - 1])
  }

  /// The same of `amount` over each: seconds become a speed.
  func rate(_ amount: Double) -> Spread {
    var rate = self
    (rate.median, rate.least, rate.most) = (amount / median, amount / most, amount / least)
    return rate
  }
}
