import KVPolicyKit
import ReferenceModel
import Reporting

/// Two benchmarks, row by row: what was measured in both, and what in one only.
///
/// Rows belong together if they time the same work under the same configuration. The speed of a machine
/// drifts, so beside the ratio of speeds stand the shares of the floor, each of its own run.
public struct BenchmarkChange: Equatable, Sendable {
  /// One piece of work in both.
  public struct Pair: Equatable, Sendable {
    /// The row of the new report.
    public var now: BenchmarkRow
    /// The row of the earlier one.
    public var before: BenchmarkRow

    /// Tokens per second now over those before: above 1 is faster.
    public var ratio: Double { now.tokensPerSecond.median / before.tokensPerSecond.median }
  }

  /// Rows of both, in the order of the new report.
  public var pairs: [Pair] = []
  /// Rows of the new report only.
  public var onlyNow: [BenchmarkRow] = []
  /// Rows of the earlier report only.
  public var onlyBefore: [BenchmarkRow]
  /// Conditions that differ, each in words.
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

  /// A line per pair, and what one report lacks.
  public var table: String {
    var table = TextTable([
      .init("change", .left), .init("policy", .left), .init("tokens/s"), .init("before"),
      .init("ratio"), .init("of floor"), .init("before"),
    ])
    for pair in pairs {
      table.add([
        pair.now.name, pair.now.label, Quantities.speed(pair.now.tokensPerSecond.median),
        Quantities.speed(pair.before.tokensPerSecond.median), Quantities.fixed(pair.ratio, 3),
        Quantities.percent(pair.now.floorShare), Quantities.percent(pair.before.floorShare),
      ])
    }
    var lines = pairs.isEmpty ? ["No row is in both reports."] : [table.text]
    if !differences.isEmpty { lines.append("differs: " + differences.joined(separator: "; ")) }
    if !onlyNow.isEmpty { lines.append("only now: " + names(onlyNow)) }
    if !onlyBefore.isEmpty { lines.append("only before: " + names(onlyBefore)) }
    return lines[0] + lines.dropFirst().map { "\n" + TerminalText.wrapped($0) }.joined() + "\n"
  }

  private func names(_ rows: [BenchmarkRow]) -> String {
    rows.map { "\($0.label) \($0.name)" }.joined(separator: ", ")
  }
}

extension BenchmarkReport.Conditions {
  /// What must be equal for the ratio of two rows to be about the program alone. In a fixed order.
  fileprivate var facts: [String] {
    [
      "model \(model)", "\(threads) threads", "\((arithmetic ?? .exact).rawValue) arithmetic",
      "\(rowFormat.rawValue) rows",
      "\(pageRows) rows a page", "chunks of \(chunk)", "\(steps) steps", "\(repeats) repeats",
      "seed \(seed)",
    ]
  }
}
