/// Rows of cells set in columns, for a terminal.
package struct TextTable {
  /// The side on which a column's cells line up.
  package enum Alignment {
    /// Words.
    case left
    /// Numbers.
    case right
  }

  private var rows: [[String]]
  private let alignments: [Alignment]

  /// A table with this header.
  package init(_ columns: [(title: String, alignment: Alignment)]) {
    rows = [columns.map(\.title)]
    alignments = columns.map(\.alignment)
  }

  /// Adds a row: one cell per column.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count == alignments.count, "a table row needs one cell per column")
    rows.append(cells)
  }

  /// The lines: two spaces between columns, none at a line's end.
  package var text: String {
    let widths = alignments.indices.map { column in
      rows.reduce(0) { max($0, $1[column].count) }
    }
    return rows.map { row in
      let cells = row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return alignments[column] == .left ? row[column] + padding : padding + row[column]
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}
