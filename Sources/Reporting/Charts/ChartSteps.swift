import Foundation

/// Round values around given values, evenly spaced or at powers, with limits that enclose the given
/// values.
struct ChartSteps {
  /// Round values, ascending, each with its digits after the point; a negative number counts zeros
  /// before the point.
  private(set) var values: [(value: Double, digits: Int)] = []
  /// The limits in the measure of the axis. `lower < upper`.
  private(set) var lower = 0.0
  private(set) var upper = 1.0

  /// About `most` round values around the range from `least` to `largest`. The axis can show both
  /// ends.
  init(_ scale: LineChart.Axis.Scale, from least: Double, to largest: Double, most: Int) {
    switch scale {
    case .linear: setEven(from: least, to: largest, most: most)
    case .binary: setPowersOfTwo(from: least, to: largest, most: most)
    case .decimal: setDecades(from: least, to: largest, most: most)
    }
  }

  /// A value in the measure of an axis: its logarithm unless the axis is linear.
  static func measure(_ value: Double, _ scale: LineChart.Axis.Scale) -> Double {
    switch scale {
    case .linear: value
    case .binary: log2(value)
    case .decimal: log10(value)
    }
  }

  /// Moves the limits of even steps to the given values, and removes the steps beyond them.
  mutating func cut(below least: Double?, above largest: Double?) {
    guard (least ?? lower) < (largest ?? upper) else { return }
    (lower, upper) = (least ?? lower, largest ?? upper)
    let slack = (upper - lower) * 1e-9
    values.removeAll { $0.value < lower - slack || $0.value > upper + slack }
  }

  /// Multiples of 1, 2 or 5 times a power of ten.
  private mutating func setEven(from least: Double, to largest: Double, most: Int) {
    // Equal or nearly equal values get a margin that is wide enough for the limits to differ.
    let size = max(abs(least), abs(largest))
    let isWide = largest - least > max(size * 1e-9, 1e-30)
    let margin = isWide ? 0 : size == 0 ? 1 : max(size / 10, 1e-30)
    let (least, largest) = (least - margin, largest + margin)
    let rough = (largest - least) / Double(most)
    let choices = [1, 2, 5, 10].map { $0 * pow(10, floor(log10(rough))) }
    guard let step = choices.first(where: { $0 >= rough * 0.999 }) else { return }
    let (first, last) = (floor(least / step + 1e-9), ceil(largest / step - 1e-9))
    let digits = -Int(floor(log10(step) + 1e-9))
    values = (0...Int(last - first)).map { ((first + Double($0)) * step, digits) }
    (lower, upper) = (first * step, last * step)
  }

  /// Powers of two; every second or third power if there are many.
  private mutating func setPowersOfTwo(from least: Double, to largest: Double, most: Int) {
    var (first, last) = (Int(floor(log2(least) + 1e-9)), Int(ceil(log2(largest) - 1e-9)))
    if first == last { (first, last) = (first - 1, last + 1) }
    let step = (last - first + most - 1) / most
    values = stride(from: first, through: last, by: step).map { (pow(2, Double($0)), 0) }
    (lower, upper) = (Double(first), Double(last))
  }

  /// Powers of ten, with their double and fivefold if there is room.
  private mutating func setDecades(from least: Double, to largest: Double, most: Int) {
    let (first, last) = (Int(floor(log10(least))) - 1, Int(ceil(log10(largest))) + 1)
    let fine = (first...last).flatMap { exponent in
      [1.0, 2, 5].map { ($0 * pow(10, Double(exponent)), -exponent) }
    }
    // Both searches succeed, and neither result is the first or last value: `fine` extends a decade
    // beyond either end.
    let below = fine.lastIndex { $0.0 <= least * (1 + 1e-9) } ?? 0
    let above = fine.firstIndex { $0.0 >= largest * (1 - 1e-9) } ?? fine.count - 1
    let limits = above > below ? below...above : below - 1...below + 1
    let step = (limits.count / 3 + most - 1) / most
    values =
      limits.count <= most + 1
      ? Array(fine[limits])
      : fine[limits].filter { (-$0.1).isMultiple(of: max(1, step)) && isPowerOfTen($0) }
    (lower, upper) = (log10(fine[limits.lowerBound].0), log10(fine[limits.upperBound].0))
  }

  private func isPowerOfTen(_ value: (Double, digits: Int)) -> Bool {
    value.0 < 1.5 * pow(10, Double(-value.digits))
  }
}
