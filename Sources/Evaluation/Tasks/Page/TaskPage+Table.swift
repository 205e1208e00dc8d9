import KVPolicyKit
import MiniTasks
import Reporting

/// The table of a page: a line per measurement, in sections by budget.
extension TaskPage {
  var tableSection: String {
    """
    <section aria-labelledby="table-heading">
    <h2 id="table-heading">Right answers, memory and speed</h2>
    <div class="scroll" role="group" aria-labelledby="table-heading" tabindex="0">
    <table aria-labelledby="table-heading">
    \(tableHead)
    \(groups.map(body).joined(separator: "\n"))
    </table>
    </div>
    <p class="note">Bold: most right answers of the budget. A lane is one key head of one layer;
    <i>rows</i> are those it holds at the end, on average; <i>+</i>: the policy keeps all it writes, and a
    budget is spent on the prompt alone. <i>Mean</i> are the bytes of pages, columns, bookkeeping and policy state,
    averaged over the written tokens, <i>peak</i> the most at any time, <i>at end</i> those at the end of a
    document, and <i>of full</i> their share of those of full attention; <i>state</i> is what the policy itself causes.
    <i>Footprint</i> is rows × time over those of full attention. Speeds are per second of one
    processor's time.</p>
    <details><summary>Configurations</summary><ul class="plain">
    \(report.policies.map(configuration).joined(separator: "\n"))
    </ul></details>
    </section>
    """
  }

  /// The heading above policies that take no budget and configurations that state their own sizes.
  static let unbudgetedTitle = "no budget: sizes of their own"

  /// The kinds of check in the report: first those of the language in its order, then unknown ones.
  private var kinds: [String] {
    let asked = Set(report.policies.flatMap(\.kinds.keys))
    let known = TaskCheck.Kind.allCases.map(\.rawValue)
    return known.filter(asked.contains) + asked.subtracting(known).sorted()
  }

  private var tableHead: String {
    let hasMargins = report.policies.contains { $0.margin != nil }
    let names = [hasMargins ? "all ± 95%" : "all"] + kinds
    let measures = [
      "rows", "mean", "peak", "at end", "of full", "state", "footprint", "prompt", "decode",
    ]
    let cells = (names + measures).enumerated().map { index, name in
      "<th scope=\"col\"\(lead(index))>\(Markup.escaped(name))</th>"
    }
    return """
      <thead>
      <tr><th rowspan="2" scope="col">policy</th>\
      <th colspan="\(names.count)" scope="colgroup">right answers, %</th>\
      <th colspan="7" scope="colgroup" class="lead">memory</th>\
      <th colspan="2" scope="colgroup" class="lead">tokens/s</th></tr>
      <tr>\(cells.joined())</tr>
      </thead>
      """
  }

  /// Measurements in sections with a heading each: full attention, each budget, no budget.
  private var groups: [(title: String, isRace: Bool, policies: [TaskMeasurement])] {
    let full = ("all rows", false, Array(report.policies.prefix(1)))
    let budgeted = budgets.map { budget in
      (
        "a budget of \(budget.words)", true, report.policies.filter { $0.amount == budget }
      )
    }
    return ([full] + budgeted + [(TaskPage.unbudgetedTitle, false, unbudgeted)])
      .filter { !$0.2.isEmpty }
  }

  private func body(title: String, isRace: Bool, policies: [TaskMeasurement]) -> String {
    let best = policies.map(\.all.share).max() ?? 0
    let rows = policies.map { policy in
      row(policy, isBest: isRace && policies.count > 1 && policy.all.share == best)
    }
    return """
      <tbody>
      <tr class="group"><th colspan="\(kinds.count + 11)" scope="rowgroup"><span>\(title)</span></th></tr>
      \(rows.joined(separator: "\n"))
      </tbody>
      """
  }

  private func row(_ policy: TaskMeasurement, isBest: Bool) -> String {
    let margin = policy.margin.map { " ±\(Quantities.fixed($0 * 100, 1))" } ?? ""
    let all = share(policy.all)
    let full = report.policies.first?.residentBytes ?? 0
    let ofFull = full > 0 ? Double(policy.residentBytes) / Double(full) : 0
    let cells =
      [(isBest ? "<b>\(all)</b>" : all) + margin]
      + kinds.map { share(policy.kinds[$0] ?? TaskTally()) } + [
        Quantities.fixed(policy.rowsPerLaneMean, 0) + (policy.grows ? "+" : ""),
        Quantities.bytes(policy.meanResidentBytes), Quantities.bytes(policy.peakResidentBytes),
        Quantities.bytes(policy.residentBytes), full > 0 ? Quantities.percent(ofFull) : "–",
        Quantities.bytes(policy.policyStateBytes), Quantities.percent(policy.footprint),
        Quantities.speed(policy.promptTokensPerSecond),
        Quantities.speed(policy.decodeTokensPerSecond),
      ]
    return """
      <tr><th scope="row">\(Markup.escaped(policy.label))</th>\
      \(cells.enumerated().map { "<td\(lead($0))>\($1)</td>" }.joined())</tr>
      """
  }

  /// Sets the first memory column and the first speed column apart from the columns before.
  private func lead(_ column: Int) -> String {
    [kinds.count + 1, kinds.count + 8].contains(column) ? " class=\"lead\"" : ""
  }

  private func share(_ tally: TaskTally) -> String {
    tally.checks == 0 ? "–" : Quantities.fixed(tally.share * 100, 1)
  }

  private func configuration(_ policy: TaskMeasurement) -> String {
    "<li><code>\(Markup.escaped(policy.configuration.text))</code></li>"
  }
}
