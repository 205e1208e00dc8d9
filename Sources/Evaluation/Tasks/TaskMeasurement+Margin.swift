import Foundation

/// How far the share of right answers may lie from that of other documents.
extension TaskMeasurement {
  /// Half the width of the 95% interval of `all.share`; nil for fewer than two documents, which do
  /// not show how much documents differ.
  ///
  /// The share is a ratio of two sums over documents, hits and checks. Its standard error is that
  /// of the documents' residuals, `hits - share * checks`; Student's t for one degree of freedom
  /// less than documents makes it an interval.
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

  /// The 95% interval of `all.share`, as far as shares go.
  package var interval: ClosedRange<Double>? {
    margin.map { max(0, all.share - $0)...min(1, all.share + $0) }
  }
}

extension DocumentMeasurement {
  /// All checks together.
  package var all: TaskTally { kinds.values.reduce(into: TaskTally()) { $0 += $1 } }
}

/// Student's t distribution.
enum StudentT {
  /// The number below which 97.5% of the distribution lie; within 0.3% of it.
  static func quantile(degrees: Int) -> Double {
    let few = [12.706, 4.303, 3.182, 2.776]
    guard degrees > few.count else { return few[max(1, degrees) - 1] }
    // The first terms of its expansion around the normal distribution's quantile.
    let (z, n) = (1.959964, Double(degrees))
    return z + (pow(z, 3) + z) / (4 * n)
      + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n)
      + (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * n * n * n)
  }
}
