import KVPolicyKit
import ReferenceModel
import Reporting

/// Two benchmarks compared row by row, with the rows that only one of them measured.
///
/// Two rows belong together if they time the same work under the same configuration. The speed of a
/// machine drifts, so the table shows the share of the floor in each report beside the ratio of
/// speeds.
public struct BenchmarkChange: Equatable, Sendable {
  /// The rows of one piece of work in both reports.
  public struct Pair: Equatable, Sendable {
    /// The row of the new report.
    public var now: BenchmarkRow
    /// The row of the earlier report.
    public var before: BenchmarkRow

    /// Tokens per second now, divided by tokens per second before: above 1 is faster.
    public var ratio: Double { now.tokensPerSecond.median / before.tokensPerSecond.median }
  }

  /// The pairs of rows, in the order of the new report.
  public var pairs: [Pair] = []
  /// Rows in the new report only.
  public var onlyNow: [BenchmarkRow] = []
  /// Rows in the earlier report only.
  public var onlyBefore: [BenchmarkRow]
  /// Conditions that differ between the reports, each in words.
  public var differences: [String] = []

  /// Matches the rows of two reports.
  public init(now: BenchmarkReport, before: BenchmarkReport) {
    onlyBefore = before.rows
    for row in now.rows {
      if let match = onlyBefore.firstIndex(where: row.isOfTheSame(as:)) {
        pairs.append(Pair(now: row, before: onlyBefore.remove(at: match)))
      } else {
        onlyNow.append(row)
      }
    }
    if let now = now.conditions, let before = before.conditions {
      differences = zip(now.facts, before.facts).filter { $0 != $1 }.map { "\($0), before \($1)" }
    }
  }

  /// A line per pair, and the rows that one report lacks.
  public var table: String {
    var table = TextTable([
      .init("change", .left), .init("policy", .left), .init("budget"), .init("tokens/s"),
      .init("before"),
      .init("ratio"), .init("of floor"), .init("before"),
    ])
    for pair in pairs {
      table.add([
        pair.now.name, pair.now.label, pair.now.budgetCell(grows: pair.now.grows == true),
        Quantities.speed(pair.now.tokensPerSecond.median),
        Quantities.speed(pair.before.tokensPerSecond.median), Quantities.fixed(pair.ratio, 3),
        Quantities.percent(pair.now.floorShare), Quantities.percent(pair.before.floorShare),
      ])
    }
    var lines = pairs.isEmpty ? ["No row is in both reports."] : [table.text]
    if !differences.isEmpty { lines.append("differs: " + differences.joined(separator: "; ")) }
    if !onlyNow.isEmpty { lines.append("only now: " + names(onlyNow)) }
    if !onlyBefore.isEmpty { lines.append("only before: " + names(onlyBefore)) }
    let notes = lines.dropFirst().map { "\n" + TerminalText.wrapped(TerminalText.escaped($0)) }
    return lines[0] + notes.joined() + "\n"
  }

  private func names(_ rows: [BenchmarkRow]) -> String {
    rows.map { "\($0.label) \($0.name)" }.joined(separator: ", ")
  }
}

extension BenchmarkReport.Conditions {
  /// The facts that must agree for the ratio of two rows to compare only the programs, in a fixed
  /// order.
  fileprivate var facts: [String] {
    [
      "model \(model)", "\(threads) threads", "\((arithmetic ?? .exact).rawValue) arithmetic",
      "\(rowFormat.rawValue) rows",
      "\(pageRows) rows a page", "chunks of \(chunk)", "\(steps) steps", "\(repeats) repeats",
      "seed \(seed)",
    ]
  }
}
