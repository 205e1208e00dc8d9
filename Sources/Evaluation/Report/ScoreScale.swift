import Foundation
import Reporting

/// How a task's score is shown: as a share, as a perplexity, or as the number that it is.
enum ScoreScale: Equatable, Sendable {
  /// A share of parts, shown in percent.
  case share
  /// Nats of predictions, shown as the perplexity.
  case perplexity
  /// Any other number.
  case number

  /// The scale of a score with these means. Scores in nats are known by their name; a share is a
  /// score that is never below 0 or above 1 and of which more is better.
  init(_ score: String, better: SweepCell.Better, means: [Double]) {
    switch score {
    case "nats": self = .perplexity
    case _ where better == .more && means.allSatisfy { 0...1 ~= $0 }: self = .share
    default: self = .number
    }
  }

  /// What a score is called.
  func title(_ score: String) -> String {
    switch self {
    case .perplexity: "perplexity"
    case .share: score == "all" ? "right answers" : score
    case .number: score
    }
  }

  /// A mean in the units that are shown.
  func shown(_ mean: Double) -> Double { self == .perplexity ? exp(mean) : mean }

  /// An interval in the units that are shown.
  func shown(_ interval: Interval) -> ClosedRange<Double>? {
    interval.range.map { shown($0.lowerBound)...shown($0.upperBound) }
  }

  /// A mean with its margin in words: `66.7 ± 4.1 %`, `5.12 (4.9 to 5.4)`.
  func text(_ interval: Interval?) -> String {
    guard let interval else { return "–" }
    switch self {
    case .share:
      let margin = interval.margin.map { " ± \(Quantities.fixed($0 * 100, 1))" } ?? ""
      return "\(Quantities.fixed(interval.value * 100, 1))\(margin) %"
    case .perplexity, .number:
      let range = shown(interval).map {
        " (\(Quantities.significant($0.lowerBound)) to \(Quantities.significant($0.upperBound)))"
      }
      return Quantities.significant(shown(interval.value)) + (range ?? "")
    }
  }

  /// A difference of means with its margin: `−12.3 ± 3.0`, in points for shares, in nats for
  /// perplexities.
  func difference(_ difference: PairedDifference?) -> String {
    guard let interval = difference?.difference else { return "–" }
    let scale = self == .share ? 100.0 : 1
    func number(_ value: Double) -> String {
      self == .share ? Quantities.fixed(value, 1) : Quantities.significant(value)
    }
    let size = number(abs(interval.value * scale))
    let isZero = !size.contains { ("1"..."9").contains($0) } && interval.value.isFinite
    let sign = isZero ? "" : interval.value < 0 ? "−" : "+"
    return sign + size + (interval.margin.map { " ± \(number($0 * scale))" } ?? "")
  }

  /// The unit of differences.
  var differenceUnit: String {
    switch self {
    case .share: "points"
    case .perplexity: "nats"
    case .number: "units"
    }
  }

  /// The vertical axis of charts with these values. Perplexities that differ many times over have a
  /// logarithmic axis.
  func axis(_ score: String, better: SweepCell.Better, over values: [Double]) -> LineChart.Axis {
    let words = title(score) + (better == .less ? ", lower is better" : "")
    guard self != .share else {
      return .init(words, unit: .percent, range: 0...1, measure: title(score))
    }
    let values = values.map(shown).filter(\.isFinite)
    let (least, most) = (values.min() ?? 0, values.max() ?? 0)
    let isWide = self == .perplexity && most > 30 * least
    return .init(
      words, scale: isWide ? .decimal : .linear, unit: most >= 100_000 ? .count : .number,
      measure: title(score))
  }

  /// A point of a chart, with words for its tooltip. A bar of a share ends at 0 and 1.
  func point(x: Double, _ interval: Interval, note: String) -> LineChart.Point {
    var range = shown(interval)
    if self == .share, let bar = range, 0...1 ~= interval.value { range = bar.clamped(to: 0...1) }
    return LineChart.Point(x: x, y: shown(interval.value), interval: range, note: note)
  }
}
