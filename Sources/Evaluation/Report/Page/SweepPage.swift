public import KVPolicyKit
import Reporting

/// A report on sweeps as one self-contained HTML page: it needs no network and no other file.
///
/// Tables and charts work without scripts. With scripts, policies can be hidden, tables sorted and
/// filtered, and the numbers of a mark read by pointing at it or with the arrow keys.
public struct SweepPage {
  let report: SweepReport
  /// The policies whose descriptions the page quotes.
  let registry: PolicyRegistry
  /// The tasks that the page shows.
  let groups: [ReportGroup]

  /// The most lines of tables on a page. Tasks beyond it are left out, and the page says so.
  static let mostRows = 2000
  /// The most configurations and cells that the part of a policy shows.
  static let (mostConfigurations, mostCells) = (12, 60)

  /// A page about a report.
  public init(_ report: SweepReport, registry: PolicyRegistry) {
    (self.report, self.registry) = (report, registry)
    var rows = 0
    groups = Array(
      report.groups.prefix { group in
        rows += group.rows.count
        return rows <= SweepPage.mostRows
      })
  }

  /// The HTML of the page. Equal reports give equal bytes.
  public var html: String {
    PageFrame(
      title: "KV-cache policies: quality, bytes and speed",
      style: PageStyle.rules(PageStyle.table, SweepPageStyle.rules),
      content: """
        \(header)
        \(toggles)
        \(recordsSection)
        \(groups.map(taskSection).joined(separator: "\n"))
        \(depthSection)
        \(policiesSection)
        """,
      scripts: """
        <style id="hidden-policies"></style>
        \(data)
        <script>
        \(SweepPageScript.text)
        </script>
        """
    ).html
  }

  private var header: String {
    let links = groups.map { group in
      "<li><a href=\"#task\(group.number)\">\(Markup.escaped(group.words))</a></li>"
    }
    let left = report.groups.count - groups.count
    let bound =
      left > 0
      ? """
      <p class="note">A page shows at most \(Markup.grouped(SweepPage.mostRows)) lines of tables: it leaves
      \(Markup.count(left, "task")) out, which <code>kvpolicy report</code> prints with <code>--format</code>.</p>
      """ : ""
    return """
      <header>
      <h1>KV-cache policies: what they cost and what they save</h1>
      <p class="lede">A policy keeps the KV cache of a language model small by forgetting tokens or reading only some of
      them. This page shows what is left of full attention's quality, and for how many bytes:
      \(Markup.count(report.records, "record")) \
      of \(Markup.count(report.policies.count, "policy", "policies")) on \
      \(Markup.count(report.groups.count, "task")).</p>
      \(bound)
      <nav aria-label="Parts of the page"><ul class="parts">
      <li><a href="#records">The records, and what differs among them</a></li>
      \(links.joined(separator: "\n"))
      <li><a href="#policies">Policy by policy</a></li>
      </ul></nav>
      <p><a id="download" download="kvpolicy-report.jsonl" hidden>Download the numbers (JSON lines)</a></p>
      </header>
      """
  }

  /// A box for each policy; shown if scripts run.
  private var toggles: String {
    let boxes = report.policies.indices.map { policy in
      """
      <label><input type="checkbox" value="\(policy)" checked> \
      \(ChartKey.picture(of: report.series(of: policy, []))) \
      \(Markup.escaped(report.policies[policy].label))</label>
      """
    }
    return """
      <div class="toggles" role="group" aria-label="Policies that are shown">
      <details open><summary>Policies shown: <output id="shown">all</output></summary>
      <div class="boxes" id="boxes">
      \(boxes.joined(separator: "\n"))
      <span class="buttons" hidden><button type="button" id="every">All</button>
      <button type="button" id="none">None</button></span>
      </div></details>
      </div>
      """
  }

  /// The numbers as JSON lines, for the link that saves them.
  private var data: String {
    let lines = ReportText.jsonLines(ReportRow.fields, groups.flatMap(\.rows))
    return """
      <script type="application/jsonl" id="numbers">
      \(Markup.script(json: lines))</script>
      """
  }
}
