/// An axis over some values: its limits, its marks, and the relative offset of a value between the
/// limits.
struct ChartScale {
  /// A labelled value of the axis.
  struct Mark: Equatable {
    var value: Double
    var label: String
  }

  let marks: [Mark]
  private let axis: LineChart.Axis
  /// The limits in the measure of the axis: logarithms unless the axis is linear. `lower < upper`.
  private let lower: Double
  private let upper: Double

  /// An axis with about `most` marks at round values.
  init(_ axis: LineChart.Axis, over values: [Double], most: Int) {
    let range = [axis.range?.lowerBound, axis.range?.upperBound].compactMap(\.self)
    let shown = (values + range).filter(axis.shows)
    let least = shown.min() ?? (axis.scale == .linear ? 0 : 1)
    let largest = shown.max() ?? 1
    var steps = ChartSteps(axis.scale, from: least, to: largest, most: max(1, most))
    if axis.scale == .linear && least < largest {
      steps.cut(
        below: least == axis.range?.lowerBound ? least : nil,
        above: largest == axis.range?.upperBound ? largest : nil)
    }
    let most = steps.values.reduce(0) { max($0, abs($1.value)) }
    marks = steps.values.map { value, digits in
      Mark(value: value, label: axis.label(of: value, digits: digits, most: most))
    }
    self.axis = axis
    (lower, upper) = (steps.lower, steps.upper)
  }

  /// The relative offset of a value, from 0 at the lower limit to 1 at the upper; nil if the axis
  /// cannot show the value.
  func position(of value: Double) -> Double? {
    guard axis.shows(value) else { return nil }
    return (ChartSteps.measure(value, axis.scale) - lower) / (upper - lower)
  }
}
