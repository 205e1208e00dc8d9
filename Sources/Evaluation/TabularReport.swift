/// A format in which a report prints its table.
public enum TableFormat: String, CaseIterable, Sendable {
  /// Lines for a terminal: the table, and what a reader should know beside it.
  case table
  /// A table of Markdown, with the cells of the terminal's table.
  case markdown
  /// Comma-separated values (RFC 4180): a header, then a line for each row, numbers in full.
  case csv
  /// A line of JSON for each row, with the names of the CSV's columns as keys.
  case jsonl
}

/// A report that prints its table in every format.
///
/// CSV and lines of JSON have the same columns and rows. Their numbers are as they were measured,
/// in the units that the columns' names state. A report with several tables says which of them is
/// its table.
public protocol TabularReport {
  /// The whole report as JSON text, keys sorted.
  func json() throws -> String
  /// The report for a terminal, at most 80 columns wide.
  var table: String { get }
  /// The report for a terminal with every column, however wide.
  var wideTable: String { get }
  /// The table in Markdown, without headings and legends.
  ///
  /// - Parameter isWide: whether it has every column, or only those of ``table``.
  func markdown(isWide: Bool) -> String
  /// The rows as comma-separated values (RFC 4180), after a header. An absent value is an empty
  /// field.
  var csv: String { get }
  /// The rows as lines of JSON. An absent value is `null`; a number that is not finite is `"inf"`,
  /// `"-inf"` or `"nan"`; a configuration is the text of its JSON.
  var jsonLines: String { get }
}

extension TabularReport {
  /// The report's table in a format.
  ///
  /// - Parameters:
  ///   - format: the format.
  ///   - isWide: whether a table has every column, however wide. CSV and lines of JSON always do.
  public func formatted(as format: TableFormat, isWide: Bool = false) -> String {
    switch format {
    case .table: isWide ? wideTable : table
    case .markdown: markdown(isWide: isWide)
    case .csv: csv
    case .jsonl: jsonLines
    }
  }
}
