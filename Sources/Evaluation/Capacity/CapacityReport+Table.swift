import KVPolicyKit
import Reporting

/// The capacity report as text for people.
extension CapacityReport: TabularReport {
  /// A heading with the conditions, a table that fits 80 columns with one line per policy, and a
  /// legend. The end names the columns that were left out.
  public var table: String { text(isWide: false) }

  /// The table with every column, however wide.
  public var wideTable: String { text(isWide: true) }

  /// The table in Markdown.
  ///
  /// - Parameter isWide: whether it has every column, or only those of ``table``.
  public func markdown(isWide: Bool) -> String { textTable.markdown(isWide: isWide) }

  private var textTable: TextTable {
    var table = TextTable(columns)
    for row in rows { table.add(cells(row)) }
    return table
  }

  private func text(isWide: Bool) -> String {
    let heading = """
      \(TerminalText.escaped(conditions.model)): a pool of \(Quantities.bytes(conditions.poolBytes)); each sequence reads \
      \(conditions.promptTokens) tokens and generates \(conditions.generatedTokens)
      \(conditions.layers) layers x \(conditions.keyHeads) key heads, \(conditions.rowFormat.rawValue) rows, \
      \(conditions.pageRows) rows a page, \(conditions.threads) thread\(conditions.threads == 1 ? "" : "s")\
      \(conditions.arithmetic.note)
      """
    return TerminalText.wrapped(heading) + "\n\n" + textTable.page(isWide: isWide) + "\n"
  }

  private var columns: [TextTable.Column] {
    [
      .init("policy", .left), BudgetNote(rows).column,
      .init(
        "sequences", .right,
        "that the pool holds at once, each until its end, without ever refusing one a page; '+': "
          + "more would fit"),
      .init("tokens/s", .right, "of all of them together"),
      .init("each", .right, "tokens/s of one of them", leaves: 3),
      .init(
        "mean", .right,
        "bytes of one of them, mean of its steps: pages, columns, bookkeeping and policy state"),
      .init("peak", .right, "the most of these bytes on its way"),
      .init("in use", .right, "the bytes of all sequences at the end", leaves: 1),
      .init("of pool", .right, "in use / the pool", leaves: 4),
      .init("state", .right, "columns and policy state of the bytes in use", leaves: 5),
      .init("rows/lane", .right, "rows that a lane holds at the end, on average", leaves: 2),
      .init(
        "steps", .right,
        "made together; fewer than are generated where later ones change neither rows nor bytes, "
          + "and then only the last of them are timed"),
      .init("full at", .right, "tokens that one sequence alone had read when the pool was full"),
    ]
  }

  private func cells(_ row: CapacityRow) -> [String] {
    let full = row.fullAt.map { "\($0)" } ?? "-"
    let start = [
      row.label, row.budgetCell(grows: row.grows),
      "\(row.sequences)" + (row.fitting > row.sequences ? "+" : ""),
    ]
    let mean = Quantities.bytes(row.meanBytesPerSequence)
    guard let speed = row.tokensPerSecond else {
      let bytes =
        row.fullAt == nil ? [mean, Quantities.bytes(row.bytesPerSequence)] : ["-", "-"]
      return start + ["-", "-"] + bytes + ["-", "-", "-", "-", "-", full]
    }
    return start + [
      Quantities.speed(speed), Quantities.speed(speed / Double(row.sequences)),
      mean, Quantities.bytes(row.bytesPerSequence), Quantities.bytes(row.bytesInUse),
      Quantities.percent(Double(row.bytesInUse) / Double(conditions.poolBytes)),
      Quantities.bytes(row.policyBytes), Quantities.fixed(row.rowsPerLane, 0), "\(row.steps)", full,
    ]
  }
}
