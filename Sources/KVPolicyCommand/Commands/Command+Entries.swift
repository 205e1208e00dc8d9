import Evaluation
import Foundation
import KVPolicyKit

/// Options of the commands that run several policies and write a report.
extension Option {
  static let json = Option("--json", "FILE", "write the results as JSON; '-' prints them instead")
  static let csv = Option("--csv", "FILE", "write the results as CSV; '-' prints them instead")
}

extension Command {
  /// The values of an option that takes several with commas between; none twice, none empty.
  func list(_ name: String, _ text: String) throws(CommandError) -> [String] {
    var values: [String] = []
    for value in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      let value = value.trimmingCharacters(in: .whitespaces)
      guard !value.isEmpty else {
        throw .usage("\(name) '\(text)' has an empty name; write names with commas between")
      }
      guard !values.contains(value) else { throw .usage("\(name) names '\(value)' twice") }
      values.append(value)
    }
    return values
  }

  /// The policies named on the command line, each with the settings that spend the budget.
  func namedEntries(
    _ arguments: Arguments, standard: String, budget: Int
  ) throws(CommandError) -> [PolicyEntry] {
    let budget = try arguments.integer("--budget", in: 1...1 << 30) ?? budget
    var entries: [PolicyEntry] = []
    for name in try list("--policies", arguments.text("--policies") ?? standard) {
      let configuration = try CommandError.fromArguments { () throws(PolicyError) in
        PolicyConfiguration(
          name, try registry.type(named: name).settings(budget: .rows(budget)) ?? [:])
      }
      entries.append(PolicyEntry(configuration))
    }
    return entries
  }

  /// `entries`, followed by those of configuration files.
  func entries(
    _ named: [PolicyEntry], configurations: [String]
  ) throws -> [PolicyEntry] {
    var entries = named
    for file in configurations {
      entries.append(PolicyEntry(try configuration(file), label: label(file, in: entries)))
    }
    return entries
  }

  /// What a configuration's row is called: its file's name, numbered if that is taken.
  private func label(_ path: String, in entries: [PolicyEntry]) -> String {
    let name =
      path == "-"
      ? "stdin" : URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    var (label, number) = (name, 1)
    while entries.contains(where: { $0.label == label }) {
      number += 1
      label = "\(name)-\(number)"
    }
    return label
  }
}

/// Where a report goes.
struct ReportOutput {
  let json: OutputFile?
  let csv: OutputFile?
  /// A page for a browser, of the commands that write one.
  let page: OutputFile?

  /// The places that `--json` and `--csv` name, and that of the page, if there is one: none of the command's
  /// inputs, and no two the same.
  init(
    _ arguments: Arguments, of command: some Command, inputs: [String?], page: String? = nil
  ) throws(CommandError) {
    json = try command.output(arguments.text("--json"), not: inputs)
    csv = try command.output(arguments.text("--csv"), not: inputs)
    self.page = try command.output(page, not: inputs)
    let named = [("--json", json), ("--csv", csv), ("--html", self.page)]
    for (index, one) in named.enumerated() {
      for other in named[(index + 1)...] {
        if let file = one.1, let second = other.1, file.isSame(as: second.path) {
          throw .usage("\(one.0) and \(other.0) are the same file; name two")
        }
      }
    }
  }

  /// Writes a report in every form that is asked for.
  func write(
    json: String, csv: String, page: String = "", table: String, to terminal: Terminal
  ) throws(CommandError) {
    // Files first: they must not be lost because nobody reads the table to its end.
    let files = [(self.json, json), (self.csv, csv), (self.page, page)]
    for case (let file?, let content) in files where !file.isStandardOutput {
      try file.write(content)
    }
    let printed = files.first { $0.0?.isStandardOutput == true }?.1
    try terminal.print(printed ?? table)
  }
}
