import Reporting

/// The part of a page about the records: their conditions, and what must be known of them.
extension SweepPage {
  var recordsSection: String {
    let differing = report.conditions.filter(\.differs).map(\.name)
    let summary =
      differing.isEmpty
      ? "All records have the same conditions."
      : """
      The records differ in \(Markup.list(differing.map { "<b>\(Markup.escaped($0))</b>" })). Tables compare only
      records of one model, task, length and engine.
      """
    let notes = report.notes.map { "<li>\(Markup.escaped($0))</li>" }
    let list =
      notes.isEmpty
      ? "" : "<ul class=\"notes\">\n\(notes.joined(separator: "\n"))\n</ul>"
    return """
      <section id="records" aria-labelledby="records-heading">
      <h2 id="records-heading">The records</h2>
      <p>\(summary)</p>
      \(list)
      <div class="scroll" role="group" aria-labelledby="records-heading" tabindex="0">
      <table class="conditions">
      <thead><tr><th scope="col">condition</th><th scope="col">value</th></tr></thead>
      <tbody>
      \(report.conditions.map(condition).joined(separator: "\n"))
      </tbody>
      </table>
      </div>
      <p class="note">The first eight are the switches of the protocol, which change results more than a policy does.
      Intervals are 95% intervals over documents and seeds (Student's t). A difference to \(Markup.escaped(report.referenceWords)) is
      taken document by document; if its interval holds 0, it is <i>within the interval</i>: these documents
      show no difference.</p>
      </section>
      """
  }

  private func condition(_ condition: ReportCondition) -> String {
    let mark = condition.differs ? " <b class=\"differs\">differs</b>" : ""
    let member = condition.member.map { " <code>\($0)</code>" } ?? ""
    return """
      <tr><th scope="row">\(Markup.escaped(condition.name))\(member)\(mark)</th>\
      <td>\(Markup.escaped(condition.words))</td></tr>
      """
  }
}
