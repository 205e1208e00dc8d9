import Evaluation
import Foundation
import KVPolicyKit

/// Options of the commands that run several policies and write a report.
extension Option {
  static let json = Option("--json", "FILE", "write the results as JSON; '-' prints them instead")
  static let csv = Option("--csv", "FILE", "write the results as CSV; '-' prints them instead")
  static let wide = Option(flag: "--wide", "show every column, however wide")
  static func format(_ what: String) -> Option {
    Option(
      "--format", TableFormat.allCases.map(\.rawValue).joined(separator: "|"),
      "the form of \(what)",
      default: TableFormat.table.rawValue)
  }
  static func policies(_ names: String) -> Option {
    Option("--policies", "NAMES", "names with commas between, or 'all'", default: names)
  }
  static func budgets(_ rows: String) -> Option {
    Option("--budget", "BUDGETS", Budget.meaning, default: rows)
  }
}

/// The policies of `--policies` and the budgets of `--budget`, before the cache is known.
struct NamedPolicies {
  /// The names, all of them registered.
  let names: [String]
  /// The budgets, in rows or bytes.
  let budgets: [GivenBudget]
}

extension Command {
  /// The policies and budgets that the command line names.
  ///
  /// - Parameter tokens: the tokens of a prompt, of which budgets can be shares.
  /// - Throws: `CommandError.usage` for an unknown policy, a budget that is none, and a number of
  ///   rows with which a policy cannot work. Of all policies (`--policies all`), those that need an
  ///   artifact are left out with a note.
  func named(
    _ arguments: Arguments, default names: String, budget: String, tokens: Int,
    of noun: String = "prompt"
  ) throws(CommandError) -> NamedPolicies {
    let listed = try arguments.list("--policies", default: names)
    let areAll = listed == ["all"]
    guard areAll || !listed.contains("all") else {
      throw .usage("--policies 'all' names every policy; leave the other names out")
    }
    let named = NamedPolicies(
      names: areAll ? try runnable(registry.names) : listed,
      budgets: try arguments.budgets("--budget", default: budget, tokens: tokens, of: noun))
    _ = try entries(named, in: nil)
    return named
  }

  /// The policies that need no artifact. Notes name those left out.
  private func runnable(_ names: [String]) throws(CommandError) -> [String] {
    do throws(PolicyError) {
      var runnable: [String] = []
      for name in names {
        if let needed = try registry.neededArtifacts(of: name).first?.artifactKind {
          terminal.note("\(name) is not run: it needs an artifact of kind '\(needed)'")
        } else {
          runnable.append(name)
        }
      }
      return runnable
    } catch {
      throw .usage("\(error)")
    }
  }

  /// Named policies with the settings that spend each budget.
  ///
  /// The entries are ordered by budget, then as in `names`. A policy that takes no budget has one
  /// entry.
  ///
  /// - Parameter cost: the price of rows in the cache. Without it, budgets in bytes have no entries.
  /// - Throws: `CommandError.usage` if a policy cannot work with a budget.
  func entries(
    _ named: NamedPolicies, in cost: RowCost?
  ) throws(CommandError) -> [PolicyEntry] {
    var entries: [PolicyEntry] = []
    for budget in named.budgets {
      for name in named.names {
        let entry = try entry(name, budget: budget, in: cost)
        if let entry, !entries.contains(entry) { entries.append(entry) }
      }
    }
    return entries
  }

  /// A policy with the settings that spend a budget, or with its defaults if it takes no budget; nil
  /// if the budget is in bytes and the price of rows is not known yet.
  func entry(
    _ name: String, budget: GivenBudget, in cost: RowCost?
  ) throws(CommandError) -> PolicyEntry? {
    do {
      if case .bytes = budget.amount, cost == nil {
        _ = try registry.type(named: name)
        return nil
      }
      guard let spent = try registry.settings(of: name, spending: budget.amount, in: cost) else {
        return PolicyEntry(withoutBudget: PolicyConfiguration(name))
      }
      let configuration = PolicyConfiguration(name, spent.settings)
      guard case .bytes(let bytes) = budget.amount else {
        return PolicyEntry(configuration, budget: spent.rows)
      }
      return PolicyEntry(configuration, budget: spent.rows, bytes: bytes)
    } catch PolicyError.impossible(let policy, let reason) {
      throw .usage("\(PolicyError.impossible(policy: policy, reason: reason))\(budget.origin)")
    } catch {
      throw .usage("\(error)")
    }
  }

  /// The price of rows in the cache of a model.
  func cost(_ shape: CacheShape, _ store: StoreConfiguration) throws -> RowCost {
    try RowCost(shape: shape, store: store)
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

extension Command {
  /// The format that `--format` names, or else the table.
  ///
  /// - Parameter files: the outputs of the run.
  /// - Throws: `CommandError.usage` for an unknown format, and where one of `files` is printed
  ///   instead.
  func format(
    _ arguments: Arguments, beside files: [OutputFile?] = []
  ) throws(CommandError) -> TableFormat {
    guard let format = try arguments.choice("--format", of: TableFormat.self) else { return .table }
    if files.contains(where: { $0?.isStandardOutput == true }) {
      throw .usage(
        "--format has no effect if a file is printed instead of the table; name a file")
    }
    return format
  }
}

/// The files that a report is written to, and the form in which its table is printed.
struct ReportOutput {
  let json: OutputFile?
  let csv: OutputFile?
  /// The HTML page, for commands that write one.
  let page: OutputFile?
  /// The form of the table.
  let format: TableFormat
  /// Whether the table has every column.
  let isWide: Bool
  /// All of the files.
  var files: [OutputFile?] { [json, csv, page] }

  /// The files that `--json` and `--csv` name, the page at the path `page`, and the form of the
  /// table by `--format` and `--wide`.
  ///
  /// - Throws: `CommandError.usage` if a file is one of the command's inputs, two of the files are
  ///   the same, or an option has no effect; `CommandError.failure` if a file cannot be written.
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
    format = try command.format(arguments, beside: [json, csv, self.page])
    isWide = arguments.has("--wide")
    if isWide, format == .csv || format == .jsonl {
      throw .usage("--wide has no effect with --format \(format.rawValue): it has every column")
    }
  }

  /// Writes the report to its files. Prints its table, unless one of the files is standard output.
  ///
  /// - Parameters:
  ///   - report: the report.
  ///   - page: the page's text, for commands that write one.
  ///   - rest: what people read after the table; no other format has it.
  ///   - terminal: the terminal.
  func write(
    _ report: some TabularReport, page: String = "", rest: String = "", to terminal: Terminal
  ) throws {
    // Files first: printing fails if the reader of the table stops early (`| head`).
    let files = [(json, try report.json()), (csv, report.csv), (self.page, page)]
    for case (let file?, let content) in files where !file.isStandardOutput {
      try file.write(content)
    }
    if let printed = files.first(where: { $0.0?.isStandardOutput == true })?.1 {
      try terminal.print(printed)
    } else {
      let table = report.formatted(as: format, isWide: isWide)
      try terminal.show(format == .table ? table + rest : table)
    }
  }
}
