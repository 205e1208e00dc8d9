import KVPolicyKit
import Reporting

/// The report as text: for a terminal, for a document, and for programs.
extension SweepReport {
  /// A form of the report as text.
  public enum Format: String, CaseIterable, Sendable {
    /// Lines for a terminal, with bars.
    case table
    /// Tables of Markdown.
    case markdown
    /// A line of comma-separated values for each policy, budget and task.
    case csv
    /// A line of JSON for each policy, budget and task.
    case jsonl
  }

  /// The report in a format.
  ///
  /// - Parameters:
  ///   - format: the kind of text.
  ///   - blocks: whether bars may have block characters; a table has `#` without them.
  public func text(_ format: Format, blocks: Bool = false) -> String {
    switch format {
    case .table: table(blocks: blocks)
    case .markdown: markdown
    case .csv: csv
    case .jsonl: rows.map(SweepReport.line).joined()
    }
  }

  /// All rows in the order of tasks.
  var rows: [ReportRow] { groups.flatMap(\.rows) }

  /// A row as one line of JSON.
  static func line(_ row: ReportRow) -> String {
    let members = Dictionary(uniqueKeysWithValues: row.fields.map { ($0.name, $0.value) })
    return TerminalText.escaped(json: JSONValue.object(members).text) + "\n"
  }

  private var csv: String {
    guard let first = rows.first else { return "" }
    let lines = rows.map { row in row.fields.map { SweepReport.field($0.value) } }
    let fields = first.fields.enumerated().map { index, field in
      (name: field.name, text: { (line: [String]) in line[index] })
    }
    return ReportText.csv(fields, lines)
  }

  private static func field(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .null: ""
    default: value.text
    }
  }

  private func table(blocks: Bool) -> String {
    let tables = groups.map { group in
      let values = group.rows.compactMap { $0.quality?.value }.map(group.scale.shown)
      let most = values.filter(\.isFinite).max() ?? 0
      var table = TextTable([
        .init("policy", .left), .init("budget", .left),
        .init(group.scale.title(group.score), .left),
        .init("", .left), .init("to \(referenceTitle), \(group.scale.differenceUnit)", .left),
        .init("mean bytes"), .init("footprint"),
      ])
      for row in group.rows {
        let value = row.quality.map { group.scale.shown($0.value) } ?? 0
        let share = group.scale == .share ? value : most > 0 ? value / most : 0
        table.add([
          row.label, row.budget, row.scale.text(row.quality),
          TextBar.text(share, width: 10, blocks: blocks),
          row.scale.difference(row.difference) + (row.isWithin == true ? " ≈" : ""),
          row.meanResidentBytes.map { Quantities.bytes(Int(exactly: $0.rounded()) ?? .max) } ?? "–",
          row.footprint.map(Quantities.percent) ?? "–",
        ])
      }
      return "\(group.words)\n\n\(table.text)\n"
    }
    let legend = """
      Means over documents and seeds with their 95% intervals; ≈: the interval of the difference to \
      \(referenceWords) holds 0, these documents show no difference.
      """
    return (tables + [TerminalText.wrapped((notes + [legend]).joined(separator: "\n")) + "\n"])
      .joined(separator: "\n")
  }

  private var markdown: String {
    let tables = groups.map { group in
      let columns = ReportColumn.all(
        score: group.scale.title(group.score), difference: group.scale.differenceUnit,
        to: referenceTitle)
      let lines =
        [columns.map(\.title), columns.map { $0.isText ? "---" : "---:" }]
        + group.rows.map { row in columns.map { $0.text(row) } }
      return "## \(SweepReport.inMarkdown(group.words))\n\n"
        + lines.enumerated().map { index, cells in
          let texts = index == 1 ? cells : cells.map(SweepReport.inMarkdown)
          return "| \(texts.joined(separator: " | ")) |\n"
        }.joined()
    }
    let list = notes.map { "- \(SweepReport.inMarkdown($0))\n" }.joined()
    return (tables + (list.isEmpty ? [] : [list])).joined(separator: "\n")
  }

  /// Text in which no character marks up Markdown or HTML.
  private static func inMarkdown(_ text: String) -> String {
    TerminalText.escaped(text).reduce(into: "") { result, character in
      if "\\|`*_<>[]&#".contains(character) { result.append("\\") }
      result.append(character)
    }
  }
}
