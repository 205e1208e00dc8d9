import KVPolicyKit
import Reporting

/// The parts of a page about policies: descriptions, configurations and cells.
extension SweepPage {
  var policiesSection: String {
    """
    <section id="policies" aria-labelledby="policies-heading">
    <h2 id="policies-heading">Policy by policy</h2>
    \(report.policies.indices.map(policy).joined(separator: "\n"))
    </section>
    """
  }

  private func policy(_ number: Int) -> String {
    let policy = report.policies[number]
    let rows = groups.flatMap { group in
      group.rows.filter { $0.policy == number }.map { (group, $0) }
    }
    let shown = rows.prefix(SweepPage.mostCells).map { cell($0.0, $0.1) }
    let rest = rows.count - shown.count
    let configurations = policy.configurations.prefix(SweepPage.mostConfigurations)
    let left = policy.configurations.count - configurations.count
    return """
      <details class="policy" data-policy="\(number)"><summary>\(ChartKey.picture(of: report.series(of: number, []))) \
      \(Markup.escaped(policy.label))</summary>
      \(description(number))
      <ul class="plain">
      \(configurations.map { "<li><code>\(Markup.escaped($0))</code></li>" }.joined(separator: "\n"))
      \(left > 0 ? "<li>and \(Markup.count(left, "more configuration"))</li>" : "")
      </ul>
      <div class="scroll" role="group" aria-label="Cells of \(Markup.escaped(policy.label))" tabindex="0">
      <table>
      <thead><tr><th scope="col">task</th><th scope="col">budget</th><th scope="col">quality</th>\
      <th scope="col">difference to \(Markup.escaped(report.referenceTitle))</th><th scope="col">within the interval</th>\
      <th scope="col">mean bytes</th><th scope="col">footprint</th></tr></thead>
      <tbody>
      \(shown.joined(separator: "\n"))
      </tbody>
      </table>
      </div>
      \(rest > 0 ? "<p class=\"note\">and \(Markup.count(rest, "more line"))</p>" : "")
      </details>
      """
  }

  /// The columns of a policy's cells, by the beginnings of their titles.
  private static let shown = [
    "budget", "quality", "to ", "within", "bytes, mean", "footprint",
  ]

  private func cell(_ group: ReportGroup, _ row: ReportRow) -> String {
    let columns = ReportColumn.all(
      score: "quality", difference: group.scale.differenceUnit, to: report.referenceTitle)
    let texts = SweepPage.shown.map { title in
      columns.first { $0.title.hasPrefix(title) }?.text(row) ?? ""
    }
    return """
      <tr><th scope="row">\(Markup.escaped(group.words))</th>\
      \(texts.map { "<td>\(Markup.escaped($0))</td>" }.joined())</tr>
      """
  }

  /// What the registry says of the policy: its summary and its source.
  private func description(_ number: Int) -> String {
    let configuration = report.groups.lazy.flatMap(\.entries).first { $0.policy == number }?.cell
      .policy.configuration
    guard case .object(let members)? = configuration, case .string(let name)? = members["policy"],
      let type = try? registry.type(named: name)
    else { return "<p class=\"note\">This program has no policy of this name.</p>" }
    return "<p>\(Markup.escaped(type.summary)). \(Markup.escaped(type.source))</p>"
  }
}
