/// Text wrapped for a terminal.
package enum TerminalText {
  /// The largest width of lines, so that they fit a default terminal window.
  package static let columns = 80
  /// A no-break space: lines are not wrapped at it if that is possible.
  package static let bond = "\u{A0}"

  /// Paragraphs wrapped between words. A word that is longer than a line gets its own line.
  ///
  /// Existing line breaks and indents stay, and a line that fits is unchanged. A `bond` between
  /// words keeps them on one line if possible, and is shown as a space.
  package static func wrapped(_ text: String, columns: Int = columns) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .flatMap { lines(of: $0, columns: columns) }.joined(separator: "\n")
      .replacing(bond, with: " ")
  }

  /// Paragraphs with other line breaks, wrapped again; an empty line ends a paragraph.
  package static func reflowed(_ text: String) -> String {
    wrapped(
      text.split(separator: "\n\n").map { $0.replacing("\n", with: " ") }
        .joined(separator: "\n\n"))
  }

  /// A line per term, with all meanings in one column beside the terms. Control characters are
  /// escaped.
  ///
  /// - Parameters:
  ///   - entries: terms and their meanings.
  ///   - indent: spaces before a term.
  ///   - gap: spaces between the longest term and the column.
  package static func list(
    _ entries: [(term: String, meaning: String)], indent: Int = 0, gap: Int = 2
  ) -> String {
    let entries = entries.map { (term: escaped($0.term), meaning: escaped($0.meaning)) }
    let column =
      entries.map(\.term.count).filter { $0 <= widestTerm }.reduce(0, max) + indent + gap
    let blank = String(repeating: " ", count: column)
    return entries.map { entry in
      let start = String(repeating: " ", count: indent) + entry.term
      let meaning = wrapped(entry.meaning, columns: max(20, columns - column))
        .replacing("\n", with: "\n" + blank)
      let room = column - start.count
      let padding = room >= gap ? String(repeating: " ", count: room) : "\n" + blank
      return meaning.isEmpty ? start : start + padding + meaning
    }.joined(separator: "\n")
  }

  /// Columns of the longest term that has its meaning beside it and not below.
  private static let widestTerm = 32

  private static func lines(of paragraph: Substring, columns: Int) -> [String] {
    guard paragraph.count > columns else { return [String(paragraph)] }
    let indent = String(paragraph.prefix { $0 == " " })
    var lines: [String] = []
    var line = indent
    let words = paragraph.split(separator: " ").flatMap { word in
      word.count > columns - indent.count ? word.split(separator: bond) : [word]
    }
    for word in words {
      if line.count > indent.count {
        if line.count + 1 + word.count <= columns {
          line += " "
        } else {
          lines.append(line)
          line = indent
        }
      }
      line += word
    }
    return lines + [line.count > indent.count ? line : ""]
  }
}
