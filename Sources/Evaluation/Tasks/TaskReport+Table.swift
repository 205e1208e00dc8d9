import KVPolicyKit
import MiniTasks
import Reporting

/// The report as text for people.
extension TaskReport: TabularReport {
  /// A heading with the conditions, a table that fits 80 columns with a line per policy and budget,
  /// and a legend. The end names the columns that were left out.
  public var table: String { text(isWide: false) }

  /// The table with every column, however wide.
  public var wideTable: String { text(isWide: true) }

  /// The table in Markdown.
  ///
  /// - Parameter isWide: whether it has every column, or only those of ``table``.
  public func markdown(isWide: Bool) -> String { textTable.markdown(isWide: isWide) }

  private var textTable: TextTable {
    let columns = columns.filter { $0.kind != .again || isDialogue }
    let showsReads = policies.contains { $0.readRows != nil }
    var table = TextTable(columns.map(\.column) + (showsReads ? TextTable.readColumns : []))
    for policy in policies {
      let cells = policy.cells(columns.compactMap(\.kind))
      table.add(cells + (showsReads ? TextTable.readCells(policy.readRows, policy.readBytes) : []))
    }
    return table
  }

  private func text(isWide: Bool) -> String {
    let heading = """
      \(TerminalText.escaped(model)): \(documents) \(isDialogue ? "dialogue" : "document")\(documents == 1 ? "" : "s") of \
      \(documentTokens) tokens, answers of up to \(responseTokens)\(seed == 0 ? "" : ", seed \(seed)")
      \(layers) layers x \(keyHeads) key heads, \(rowFormat.rawValue) rows, \
      \(pageRows) rows a page, \(threads) thread\(threads == 1 ? "" : "s")
      """
    return TerminalText.wrapped(heading) + "\n\n" + textTable.page(isWide: isWide) + "\n"
  }

  private var isDialogue: Bool { kind == TaskMixture.Kind.dialogue.rawValue }

  /// The columns, each with the kind of check that it shows.
  private var columns: [(kind: TaskCheck.Kind?, column: TextTable.Column)] {
    func column(
      _ kind: TaskCheck.Kind, title: String? = nil, _ meaning: String, leaves: Int = 0
    ) -> (TaskCheck.Kind?, TextTable.Column) {
      (kind, .init(title ?? kind.rawValue, .right, meaning, leaves: leaves))
    }
    return [
      (nil, .init("policy", .left)),
      (nil, BudgetNote(policies).column),
      column(.once, "items of the list that hold the word given for them alone"),
      column(.range, "items of a range with its word, and the end of the range", leaves: 1),
      column(.periodic, "items with a word that every few must hold", leaves: 3),
      column(
        .completion, title: "complete",
        "lists with all their items in order that end after the last", leaves: 2),
      column(.recall, "answers to questions for a value"),
      column(.again, "answers that repeat an item or an answer of an earlier turn"),
      (nil, .init("all", .right, "these checks, and those of copies and variables")),
      (
        nil,
        .init(
          "mean", .right,
          "bytes of pages, columns and policy state, mean of the steps and documents")
      ),
      (nil, .init("peak", .right, "the most of these bytes at any time")),
      (
        nil, .init("at end", .right, "these bytes when a document ends, on average", leaves: 4)
      ),
      (
        nil,
        .init(
          "footprint", .right, "rows x time over those of full attention, prompt included",
          leaves: 5)
      ),
      (
        nil,
        .init(
          "decode/s", .right,
          "tokens per second of processor time: each document is read by one thread", leaves: 6)
      ),
    ]
  }
}

extension TaskMeasurement {
  /// The cells of this policy's line, with a column for each of the given kinds of check.
  fileprivate func cells(_ columns: [TaskCheck.Kind]) -> [String] {
    let shares = columns.map { kind in
      kinds[kind.rawValue].map { Quantities.percent($0.share) } ?? "-"
    }
    return [label, budgetCell(grows: grows)] + shares + [
      Quantities.percent(all.share), Quantities.bytes(meanResidentBytes),
      Quantities.bytes(peakResidentBytes), Quantities.bytes(residentBytes),
      Quantities.percent(footprint), Quantities.speed(decodeTokensPerSecond),
    ]
  }
}
