import Reporting

/// The report as text: for a terminal, for a document, and for programs.
extension SweepReport {
  /// The report in a format. Markdown has a table for each task, and the notes.
  ///
  /// - Parameters:
  ///   - format: the format.
  ///   - blocks: whether bars may have block characters; a table has `#` without them.
  public func text(_ format: TableFormat, blocks: Bool = false) -> String {
    switch format {
    case .table: table(blocks: blocks)
    case .markdown: markdown
    case .csv: ReportText.csv(ReportRow.fields, rows)
    case .jsonl: ReportText.jsonLines(ReportRow.fields, rows)
    }
  }

  /// All rows in the order of tasks.
  var rows: [ReportRow] { groups.flatMap(\.rows) }

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
      var table = TextTable(columns.map { .init($0.title, $0.isText ? .left : .right) })
      for row in group.rows { table.add(columns.map { $0.text(row) }) }
      return "## \(Markup.inMarkdown(group.words))\n\n" + table.markdown()
    }
    let list = notes.map { "- \(Markup.inMarkdown($0))\n" }.joined()
    return (tables + (list.isEmpty ? [] : [list])).joined(separator: "\n")
  }
}
