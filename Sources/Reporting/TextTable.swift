/// Lines of cells set in columns, for a terminal or a document.
package struct TextTable {
  /// The side on which a column's cells line up.
  package enum Alignment {
    /// Words.
    case left
    /// Numbers.
    case right
  }

  /// A column.
  package struct Column {
    /// The column's heading.
    let title: String
    /// The alignment of the column's cells.
    let alignment: Alignment
    /// The column's meaning in the legend; empty if the heading explains itself.
    let meaning: String
    /// The priority for leaving the column out of a table that is too wide: the greatest first, 0
    /// never.
    let leaves: Int

    /// A column of numbers, unless another alignment is given.
    package init(
      _ title: String, _ alignment: Alignment = .right, _ meaning: String = "", leaves: Int = 0
    ) {
      (self.title, self.alignment) = (title, alignment)
      (self.meaning, self.leaves) = (meaning, leaves)
    }
  }

  private let columns: [Column]
  private var rows: [[String]]

  /// A table with these columns.
  package init(_ columns: [Column]) {
    self.columns = columns
    rows = [columns.map(\.title)]
  }

  /// Adds a line: one cell per column. Control characters are escaped.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "a table row needs one cell per column")
    rows.append(cells.map { TerminalText.escaped($0) })
  }

  /// The lines: two spaces between columns, none at the end of a line.
  package var text: String { text(of: Array(columns.indices)) }

  /// The lines, and a legend with the meaning of every column.
  ///
  ///   - isWide: whether every column is shown. If not, columns that do not fit the terminal are
  ///     left out, and the end of the legend names them and mentions `--wide`.
  ///   - notes: further entries of the legend, before the columns.
  package func page(
    isWide: Bool, notes: [(term: String, meaning: String)] = []
  ) -> String {
    let shown = isWide ? Array(columns.indices) : fitting
    var legend = notes
    for column in shown where !columns[column].meaning.isEmpty {
      legend.append((columns[column].title, columns[column].meaning))
    }
    var left: [String] = []
    for column in columns.indices where !shown.contains(column) {
      if !left.contains(columns[column].title) { left.append(columns[column].title) }
    }
    if !left.isEmpty { legend.append(("left out", "\(Markup.list(left)); --wide shows them")) }
    return legend.isEmpty ? text(of: shown) : text(of: shown) + "\n\n" + TerminalText.list(legend)
  }

  /// The table in Markdown, without a legend: a line of headings, one of alignments, and the cells.
  ///
  /// - Parameter isWide: whether every column is shown, or only the columns that fit.
  package func markdown(isWide: Bool = true) -> String {
    let shown = isWide ? Array(columns.indices) : fitting
    var lines = rows.map { row in shown.map { Markup.inMarkdown(row[$0]) } }
    lines.insert(shown.map { columns[$0].alignment == .left ? "---" : "---:" }, at: 1)
    return lines.map { "| \($0.joined(separator: " | ")) |\n" }.joined()
  }

  /// The columns that fit the terminal.
  private var fitting: [Int] {
    var shown = Array(columns.indices)
    while text(of: shown).split(separator: "\n").contains(where: { $0.count > TerminalText.columns }
    ) {
      let candidates = shown.filter { columns[$0].leaves > 0 }
      guard let first = candidates.max(by: { columns[$0].leaves < columns[$1].leaves }) else {
        break
      }
      shown.removeAll { columns[$0].leaves == columns[first].leaves }
    }
    return shown
  }

  private func text(of shown: [Int]) -> String {
    let widths = columns.indices.map { column in
      rows.reduce(0) { max($0, $1[column].count) }
    }
    return rows.map { row in
      let cells = shown.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return columns[column].alignment == .left ? row[column] + padding : padding + row[column]
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}
