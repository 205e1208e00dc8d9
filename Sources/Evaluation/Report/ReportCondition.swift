import KVPolicyKit
import ReferenceModel
import Reporting

/// A condition of the records, with its values: what must be equal for a fair comparison.
struct ReportCondition: Sendable {
  /// The name of the condition.
  let name: String
  /// The name in the records; nil for a condition that is no switch of the protocol.
  let member: String?
  /// The values, each with the records that have it and their tasks, in the order of the records.
  private(set) var values: [(text: String, records: Int, tasks: [String])] = []

  /// Whether the records differ in it.
  var differs: Bool { values.count > 1 }

  /// All conditions, the protocol's first.
  static func all(_ records: [SweepRecord]) -> [ReportCondition] {
    let switches: [(String, String, (SweepProtocol) -> String)] = [
      ("question seen while compressing", "questionSeen", { $0.questionSeen.rawValue }),
      ("chunk of the prompt", "chunk", { "\($0.chunk)" }),
      ("budget counted in", "budgetKind", { $0.budgetKind.rawValue }),
      (
        "window in the budget", "windowInBudget",
        { $0.windowInBudget.map { $0 ? "yes" : "no" } ?? "no budget" }
      ),
      ("first token from rows", "firstToken", { $0.firstToken.rawValue }),
      ("sampling", "sampling", { $0.sampling.rawValue }),
      ("answer's first words given", "answerPrefix", { $0.answerPrefix ? "yes" : "no" }),
      ("rows kept per", "heads", { "\($0.heads.rawValue) head" }),
    ]
    let others: [(String, (SweepRecord) -> String)] = [
      ("model", { "\($0.cell.model.name) (\($0.cell.model.content.prefix(8)))" }),
      (
        "engine",
        {
          let options = $0.cell.options
          return "rows as \(options.rowFormat.rawValue) in pages of \(options.pageRows), "
            + "\(options.arithmetic.rawValue) arithmetic"
        }
      ),
      ("documents of a cell", { "\($0.cell.documents)" }), ("seed", { "\($0.cell.seed)" }),
      ("version", { $0.origin.version }), ("build", { $0.origin.build }),
      ("host", { $0.origin.host }),
      ("documents read at once", { "\($0.origin.jobs)" }),
    ]
    return switches.map { name, member, text in
      ReportCondition(name, member, records) { text($0.cell.protocol) }
    } + others.map { name, text in ReportCondition(name, nil, records, text) }
  }

  private init(
    _ name: String, _ member: String?, _ records: [SweepRecord], _ text: (SweepRecord) -> String
  ) {
    (self.name, self.member) = (name, member)
    var places: [String: Int] = [:]
    for record in records {
      let (value, task) = (text(record), record.cell.task.name)
      let place = places[value] ?? values.count
      if place == values.count {
        places[value] = place
        values.append((value, 0, []))
      }
      values[place].records += 1
      if !values[place].tasks.contains(task) { values[place].tasks.append(task) }
    }
  }

  /// The most values that are named.
  private static let mostShown = 8

  /// The values in words; with more than one, each with its number of records.
  var words: String {
    guard differs else { return values.first?.text ?? "" }
    let shown = values.prefix(ReportCondition.mostShown).map { value in
      "\(value.text) (\(Markup.count(value.records, "record")))"
    }
    let rest = values.count - shown.count
    return shown.joined(separator: "; ") + (rest > 0 ? "; \(rest) more" : "")
  }
}
