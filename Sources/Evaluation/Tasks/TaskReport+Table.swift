import KVPolicyKit
import MiniTasks
import Reporting

/// The report as text for people.
extension TaskReport {
  /// A heading with the conditions, a table that fits 80 columns with a line per policy and budget,
  /// and a legend. The end names the columns that were left out.
  public var table: String { text(isWide: false) }

  /// The table with every column, however wide.
  public var wideTable: String { text(isWide: true) }

  private func text(isWide: Bool) -> String {
    let columns = TaskReport.columns.filter { $0.kind != .again || isDialogue }
    var table = TextTable(columns.map(\.column))
    for policy in policies { table.add(policy.cells(columns.compactMap(\.kind))) }
    let heading = """
      \(TerminalText.escaped(model)): \(documents) \(isDialogue ? "dialogue" : "document")\(documents == 1 ? "" : "s") of \
      \(documentTokens) tokens, answers of up to \(responseTokens)\(seed == 0 ? "" : ", seed \(seed)")
      \(layers) layers x \(keyHeads) key heads, \(rowFormat.rawValue) rows, \
      \(pageRows) rows a page, \(threads) thread\(threads == 1 ? "" : "s")
      """
    let notes = BudgetNote(policies.map { ($0.label, $0.budget, $0.takesBudget) }).notes
    return TerminalText.wrapped(heading) + "\n\n" + table.page(isWide: isWide, notes: notes) + "\n"
  }

  private var isDialogue: Bool { kind == TaskMixture.Kind.dialogue.rawValue }

  /// The columns, each with the kind of check that it shows.
  private static var columns: [(kind: TaskCheck.Kind?, column: TextTable.Column)] {
    func column(
      _ kind: TaskCheck.Kind, title: String? = nil, _ meaning: String
    ) -> (TaskCheck.Kind?, TextTable.Column) {
      (kind, .init(title ?? kind.rawValue, .right, meaning))
    }
    return [
      (nil, .init("policy", .left)),
      (
        nil,
        .init(
          "rows", .right,
          "budget per lane; '-': the policy takes none, or its configuration states its own sizes; "
            + "one that chooses once spends the budget on the prompt, and keeps all it writes")
      ),
      column(.once, "items of the list that hold the word given for them alone"),
      column(.range, "items of a range with its word, and the end of the range"),
      column(.periodic, "items with a word that every few must hold"),
      column(
        .completion, title: "complete",
        "lists with all their items in order that end after the last"),
      column(.recall, "answers to questions for a value"),
      column(.again, "answers that repeat an item or an answer of an earlier turn"),
      (nil, .init("all", .right, "these checks, and those of copies and variables")),
      (
        nil,
        .init(
          "resident", .right,
          "bytes of pages, columns and policy state when a document ends, on average", leaves: 1)
      ),
      (
        nil,
        .init(
          "footprint", .right, "rows x time over those of full attention, prompt included",
          leaves: 2)
      ),
      (
        nil,
        .init(
          "decode/s", .right,
          "tokens per second of processor time: each document is read by one thread", leaves: 3)
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
    return [label, budget.map { "\($0)" } ?? "-"] + shares + [
      Quantities.percent(all.share), Quantities.bytes(residentBytes),
      Quantities.percent(footprint), Quantities.speed(decodeTokensPerSecond),
    ]
  }
}
