import KVPolicyKit
import Reporting

/// The parts of a page about tasks: charts and a table each.
extension SweepPage {
  func taskSection(_ group: ReportGroup) -> String {
    let heading = "task\(group.number)-heading"
    let (quality, places) = (report.qualityFigures(of: group), report.placeFigures(of: group))
    let direction =
      group.cell.task.better == .more
      ? "Higher is better, and so is further left"
      : "Lower is better, and so is further left"
    let settings = group.cell.task.settings.text
    let words = settings == "{}" ? "" : " Settings: <code>\(Markup.escaped(settings))</code>."
    let along =
      places.isEmpty
      ? ""
      : "<h3>By position</h3>\n<div class=\"multiples\">\n"
        + places.map(figure).joined(separator: "\n") + "\n</div>"
    return """
      <section id="task\(group.number)" aria-labelledby="\(heading)">
      <h2 id="\(heading)">\(Markup.escaped(group.words))</h2>
      <p class="note">\(direction). The broad grey line is the Pareto front of the policies that are shown: no other
      point is as good for less. Bars are 95% intervals; the dashed line is full attention.\(words)</p>
      <div class="multiples">
      \(quality.map(figure).joined(separator: "\n"))
      </div>
      \(along)
      \(table(group))
      </section>
      """
  }

  /// A figure with its caption, and a line for the numbers of the mark at hand.
  func figure(_ figure: ReportFigure) -> String {
    let policy = figure.policy.map { " data-policy=\"\($0)\"" } ?? ""
    return """
      <figure\(policy)><figcaption>\(Markup.escaped(figure.caption))</figcaption>
      <div class="plot" data-better="\(figure.better.rawValue)" tabindex="0" role="group" \
      aria-label="\(Markup.escaped(figure.caption)): arrow keys read the marks">
      \(figure.pageSVG)</div>
      <p class="readout" aria-live="polite"></p></figure>
      """
  }

  /// Heat maps over depths and lengths; nothing without depths.
  var depthSection: String {
    let figures = report.depthFigures.prefix(SweepPage.mostMaps)
    guard !figures.isEmpty else { return "" }
    let left = report.depthFigures.count - figures.count
    let rest =
      left > 0
      ? "<p class=\"note\">\(Markup.count(left, "more map")): <code>--figures</code> writes them.</p>"
      : ""
    return """
      <section id="depths" aria-labelledby="depths-heading">
      <h2 id="depths-heading">Needles by depth and length</h2>
      <p class="note">How good an answer is, by the depth at which the needle lies and the length of the text. The
      stronger the colour, the better.</p>
      <div class="multiples">
      \(figures.map(figure).joined(separator: "\n"))
      </div>
      \(rest)
      </section>
      """
  }

  /// The most heat maps of a page.
  private static let mostMaps = 100

  /// The table of a task, with a field that filters it.
  private func table(_ group: ReportGroup) -> String {
    let columns = ReportColumn.all(
      score: group.scale.title(group.score), difference: group.scale.differenceUnit,
      to: report.referenceTitle)
    let heads = columns.map { column in
      """
      <th scope="col" data-kind="\(column.isText ? "text" : "number")">\
      <button type="button">\(Markup.escaped(column.title))</button></th>
      """
    }
    let id = "table\(group.number)"
    return """
      <div class="filter" hidden><label>Filter <input type="search" data-table="\(id)" \
      placeholder="words of a line" spellcheck="false"></label> <output></output></div>
      <div class="scroll" role="group" aria-label="Table: \(Markup.escaped(group.words))" tabindex="0">
      <table class="sortable" id="\(id)">
      <thead><tr>\(heads.joined())</tr></thead>
      <tbody>
      \(group.rows.map { row($0, columns) }.joined(separator: "\n"))
      </tbody>
      </table>
      </div>
      """
  }

  private func row(_ row: ReportRow, _ columns: [ReportColumn]) -> String {
    let cells = columns.dropFirst().map { column in
      let value = column.value(row).map { " data-v=\"\($0)\"" } ?? ""
      return "<td\(value)>\(Markup.escaped(column.text(row)))</td>"
    }
    return """
      <tr data-policy="\(row.policy)"><th scope="row">\(Markup.escaped(row.label))</th>\
      \(cells.joined())</tr>
      """
  }
}
