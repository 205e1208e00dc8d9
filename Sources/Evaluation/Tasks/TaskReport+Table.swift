import KVPolicyKit
import MiniTasks
import Reporting

/// The report for people.
extension TaskReport {
  /// A heading with the conditions, a line per policy and budget of at most 120 columns with
  /// ordinary labels, and what the columns mean.
  public var table: String {
    let kinds =
      ["once", "range", "periodic", "completion", "recall"] + (isDialogue ? ["again"] : [])
    var table = TextTable(
      [("policy", .left), ("rows", .right)] + kinds.map { ($0, .right) } + [
        ("all", .right), ("resident", .right), ("footprint", .right), ("decode/s", .right),
      ])
    for policy in policies { table.add(policy.cells(kinds)) }
    let again = """
      again       answers that repeat an item or an answer of an earlier turn

      """
    return """
      \(model): \(documents) \(isDialogue ? "dialogue" : "document")\(documents == 1 ? "" : "s") of \(documentTokens) tokens, answers \
      of up to \(responseTokens)\(seed == 0 ? "" : ", seed \(seed)")
      \(layers) layers x \(keyHeads) key heads, \(rowFormat.rawValue) rows, \
      \(pageRows) rows a page, \(threads) thread\(threads == 1 ? "" : "s")

      \(table.text)

      rows        budget per lane; '-': the policy takes none, or its configuration states its own sizes; one
                  that chooses once spends the budget on the prompt, and keeps all it writes
      once        items of the list that hold the word given for them alone; range: items of a range with its
                  word, and the end of the range; periodic: items with a word that every few must hold
      completion  lists with all their items in order that end after the last
      recall      answers to questions for a value; all: these checks, and those of copies and variables
      \(isDialogue ? again : "")\
      resident    bytes of pages, columns and policy state when a document ends, on average
      footprint   rows x time over those of full attention, prompt included
      decode/s    tokens per second of processor time: each document is read by one thread

      """
  }
}

extension TaskReport {
  private var isDialogue: Bool { kind == TaskMixture.Kind.dialogue.rawValue }
}

extension TaskMeasurement {
  /// The cells of the table, with a column for each of some kinds of check.
  fileprivate func cells(_ columns: [String]) -> [String] {
    let shares = columns.map { kind in
      kinds[kind].map { Quantities.percent($0.share) } ?? "-"
    }
    return [label, budget.map { "\($0)" } ?? "-"] + shares + [
      Quantities.percent(all.share), Quantities.bytes(residentBytes),
      Quantities.percent(footprint), Quantities.speed(decodeTokensPerSecond),
    ]
  }
}
