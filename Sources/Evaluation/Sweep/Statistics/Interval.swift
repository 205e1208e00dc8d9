import Foundation

/// A number estimated from documents, with its 95% interval.
///
/// A score of several documents is a ratio of two sums: of its parts, and of their number. The
/// standard error of the ratio is that of the documents' residuals, `sum − mean × count`, over the
/// number of parts (Taylor linearisation); for documents with equally many parts it is the standard
/// error of a mean. Student's t, with one degree of freedom fewer than there are documents, makes
/// it an interval.
///
/// Student's t, and not a bootstrap: cells have few documents, often eight, and the percentile
/// bootstrap of eight values is too narrow, because it draws from a sample whose own variance is
/// (n − 1)/n of what it estimates and has no quantile beyond it. Student's t is exact for normal
/// residuals at any number, needs no seed, and can be computed by hand. Documents of several seeds
/// count alike: every document is a draw of its own.
public struct Interval: Equatable, Sendable {
  /// The estimate.
  public let value: Double
  /// Half the width of the interval; nil for fewer than two documents, which do not show how much
  /// documents differ.
  public let margin: Double?
  /// The number of documents.
  public let documents: Int

  /// The mean of a score over documents; nil if there are no parts.
  public init?(mean scores: [SweepScore]) {
    guard let residuals = Residuals(scores) else { return nil }
    self.init(value: residuals.mean, residuals: residuals.values)
  }

  /// An estimate with the residuals of documents.
  fileprivate init(value: Double, residuals: [Double]) {
    let count = Double(residuals.count)
    self.value = value
    documents = residuals.count
    guard residuals.count > 1 else {
      margin = nil
      return
    }
    let squares = residuals.reduce(0) { $0 + $1 * $1 }
    margin =
      StudentT.quantile(degrees: residuals.count - 1)
      * (squares * count / (count - 1)).squareRoot()
  }

  /// The interval; nil without a margin.
  public var range: ClosedRange<Double>? {
    guard let margin, margin.isFinite, value.isFinite else { return nil }
    return value - margin...value + margin
  }
}

/// The difference of two scores on the same documents, with its 95% interval.
///
/// Documents differ far more than policies do, so the difference is taken document by document: its
/// interval is much narrower than the intervals of the two scores.
///
/// ```swift
/// let difference = PairedDifference(of: h2o.documents, to: full.documents, in: "all")
/// ```
public struct PairedDifference: Equatable, Sendable {
  /// The first score's mean less the second's.
  public let difference: Interval

  /// The difference of pairs of scores, one pair for each document; nil if one of the two has no
  /// parts.
  public init?(_ pairs: [(SweepScore, SweepScore)]) {
    guard let one = Residuals(pairs.map(\.0)), let other = Residuals(pairs.map(\.1)) else {
      return nil
    }
    difference = Interval(
      value: one.mean - other.mean, residuals: zip(one.values, other.values).map { $0 - $1 })
  }

  /// The difference in a score of documents that both lists have; nil if there are none, or one of
  /// the two has no such score. Each list is of one seed.
  public init?(of one: [SweepDocument], to other: [SweepDocument], in score: String) {
    var pairs: [(SweepScore, SweepScore)] = []
    for document in one {
      guard let mine = document.scores[score],
        let theirs = other.first(where: { $0.number == document.number })?.scores[score]
      else { continue }
      pairs.append((mine, theirs))
    }
    self.init(pairs)
  }

  /// Whether the interval holds 0: these documents do not show a difference. True also without an
  /// interval.
  public var isWithinInterval: Bool {
    difference.range.map { $0.contains(0) } ?? true
  }
}

/// What documents add to the error of the mean of their parts.
private struct Residuals {
  let mean: Double
  /// By document: its residual, divided by the number of parts of all documents.
  let values: [Double]

  init?(_ scores: [SweepScore]) {
    let all = scores.reduce(into: SweepScore()) { $0 += $1 }
    guard all.count > 0 else { return nil }
    mean = all.mean
    let mean = mean
    values = scores.map { ($0.sum - mean * Double($0.count)) / Double(all.count) }
  }
}
