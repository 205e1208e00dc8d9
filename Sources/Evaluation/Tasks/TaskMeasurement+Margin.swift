import Foundation

/// The uncertainty of the share of right answers, from how much documents differ.
extension TaskMeasurement {
  /// Half the width of the 95% interval of `all.share`; nil for fewer than two documents, which do
  /// not show how much documents differ.
  ///
  /// The share is a ratio of two sums over documents, hits and checks. Its standard error is the
  /// standard error of the documents' residuals, `hits - share * checks`. Student's t turns it into
  /// an interval, with one degree of freedom fewer than there are documents.
  package var margin: Double? {
    let tallies = documents.map(\.all)
    let sum = tallies.reduce(into: TaskTally()) { $0 += $1 }
    guard tallies.count > 1, sum.checks > 0 else { return nil }
    let count = Double(tallies.count)
    let squares = tallies.reduce(0) { squares, tally in
      let residual = Double(tally.hits) - sum.share * Double(tally.checks)
      return squares + residual * residual
    }
    let error = (squares * count / (count - 1)).squareRoot() / Double(sum.checks)
    return StudentT.quantile(degrees: tallies.count - 1) * error
  }

  /// The 95% interval of `all.share`, clamped to valid shares.
  package var interval: ClosedRange<Double>? {
    margin.map { max(0, min(1, all.share - $0))...min(1, all.share + $0) }
  }
}

extension DocumentMeasurement {
  /// All checks together.
  package var all: TaskTally { kinds.values.reduce(into: TaskTally()) { $0 += $1 } }
}

/// Student's t distribution.
enum StudentT {
  /// The 97.5% quantile of the distribution, within 0.3%.
  static func quantile(degrees: Int) -> Double {
    let few = [12.706, 4.303, 3.182, 2.776]
    guard degrees > few.count else { return few[max(1, degrees) - 1] }
    // The first terms of the expansion around the quantile of the normal distribution.
    let (z, n) = (1.959964, Double(degrees))
    return z + (pow(z, 3) + z) / (4 * n)
      + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n)
      + (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * n * n * n)
  }
}
