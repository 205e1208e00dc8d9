import Evaluation
import Foundation
import KVPolicyKit

/// Options of the commands that run several policies and write a report.
extension Option {
  static let json = Option("--json", "FILE", "write the results as JSON; '-' prints them instead")
  static let csv = Option("--csv", "FILE", "write the results as CSV; '-' prints them instead")
  static let wide = Option(flag: "--wide", "show every column, however wide")
}

extension Command {
  /// The policies named on the command line, each with the settings that spend `--budget`.
  func namedEntries(
    _ arguments: Arguments, default names: String, budget: Int
  ) throws(CommandError) -> [PolicyEntry] {
    let rows = try arguments.integer("--budget", in: Budget.legal) ?? budget
    return try namedEntries(
      arguments.list("--policies", default: names), budgets: [BudgetInRows(rows: rows)])
  }

  /// Named policies with the settings that spend each budget.
  ///
  /// The entries are ordered by budget, then as in `names`. A policy that takes no budget has one
  /// entry.
  func namedEntries(
    _ names: [String], budgets: [BudgetInRows]
  ) throws(CommandError) -> [PolicyEntry] {
    var entries: [PolicyEntry] = []
    for budget in budgets {
      for name in names {
        let entry = try namedEntry(name, budget: budget)
        if !entries.contains(entry) { entries.append(entry) }
      }
    }
    return entries
  }

  /// A policy with the settings that spend a budget, or with its defaults if it takes no budget.
  func namedEntry(_ name: String, budget: BudgetInRows) throws(CommandError) -> PolicyEntry {
    do {
      let type = try registry.type(named: name)
      guard let settings = try type.settings(budget: .rows(budget.rows)) else {
        return PolicyEntry(withoutBudget: PolicyConfiguration(name))
      }
      return PolicyEntry(PolicyConfiguration(name, settings), budget: budget.rows)
    } catch PolicyError.impossible(let policy, let reason) {
      throw .usage("\(PolicyError.impossible(policy: policy, reason: reason))\(budget.origin)")
    } catch {
      throw .usage("\(error)")
    }
  }

  /// The entries of configuration files, with labels that are not among `labels`. A configuration
  /// states its own sizes.
  func configuredEntries(
    _ files: [String], taken labels: [String]
  ) throws -> [PolicyEntry] {
    var labels = labels
    return try files.map { file in
      let entry = PolicyEntry(try configuration(file), label: label(file, taken: labels))
      labels.append(entry.label)
      return entry
    }
  }

  /// A configuration's label in the report: the file's name, with a number if the name is taken.
  private func label(_ path: String, taken: [String]) -> String {
    let name =
      path == "-"
      ? "stdin" : URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    var (label, number) = (name, 1)
    while taken.contains(label) {
      number += 1
      label = "\(name)-\(number)"
    }
    return label
  }
}

/// The files that a report is written to.
struct ReportOutput {
  let json: OutputFile?
  let csv: OutputFile?
  /// The HTML page, for commands that write one.
  let page: OutputFile?
  /// All of them.
  var files: [OutputFile?] { [json, csv, page] }

  /// The files that `--json` and `--csv` name, and the page at the path `page`.
  ///
  /// - Throws: `CommandError.usage` if a file is one of the command's inputs, or two of the files
  ///   are the same; `CommandError.failure` if a file cannot be written.
  init(
    _ arguments: Arguments, of command: some Command, inputs: [String?], page: String? = nil
  ) throws(CommandError) {
    json = try command.output(arguments.text("--json"), not: inputs)
    csv = try command.output(arguments.text("--csv"), not: inputs)
    self.page = try command.output(page, not: inputs)
    let named = [("--json", json), ("--csv", csv), ("--html", self.page)]
    for (index, one) in named.enumerated() {
      for other in named[(index + 1)...] {
        if let file = one.1, let second = other.1, file.isSame(as: second) {
          throw .usage("\(one.0) and \(other.0) are the same file; name two")
        }
      }
    }
  }

  /// Writes the report to its files. Prints the table, unless one of the files is standard output.
  func write(
    json: String, csv: String, page: String = "", table: String, to terminal: Terminal
  ) throws(CommandError) {
    // Files first: printing fails if the reader of the table stops early (`| head`).
    let files = [(self.json, json), (self.csv, csv), (self.page, page)]
    for case (let file?, let content) in files where !file.isStandardOutput {
      try file.write(content)
    }
    if let printed = files.first(where: { $0.0?.isStandardOutput == true })?.1 {
      try terminal.print(printed)
    } else {
      try terminal.show(table)
    }
  }
}
