import Evaluation
import Foundation
import KVPolicyKit
import Reporting

/// `kvpolicy report`.
struct ReportCommand: Command {
  static let syntax = Syntax(
    name: "report", summary: "show the results of sweeps as a page, figures and a summary",
    usage: "FILE... [options]", operands: .max, operand: .file,
    options: [
      Option("--out", "FILE", "write a page to look at; '-' prints it instead of the summary"),
      Option(
        "--against", "NAME",
        "the policy to which differences are taken, at equal budgets", default: "full"),
      Option("--figures", "FOLDER", "write every figure as SVG, and its numbers as CSV"),
      .format("the summary"),
    ],
    notes: """
      FILE is a results file of 'kvpolicy sweep' or 'merge'. The page is one file that needs no network:
      quality against bytes and footprint with the Pareto front, curves by position, needles by depth and
      length, tables that sort and filter, and a part for each policy. It says in what the records differ
      and which cells are missing. The seeds of a cell count together. Documents are compared with those of
      full attention, or of the policy that --against names, one by one; a difference whose 95% interval
      holds 0 is said to be within the interval. Bars in the table are made of blocks in a terminal, unless NO_COLOR is set.

      The folder is made if there is none, and files of the same names in it are replaced.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let paths = arguments.operands
    guard !paths.isEmpty else {
      throw CommandError.usage("results are missing; name one or more files")
    }
    try refuseTwoInputs(paths)
    let page = try output(arguments.text("--out"), not: paths)
    let format = try format(arguments, beside: [page])
    let report = try report(paths, against: arguments.text("--against"))
    try page?.checkNotRead()
    // Files first: printing fails if the reader of the summary stops early (`| head`).
    if let folder = arguments.text("--figures") {
      try write(report.figures, to: folder, not: paths, beside: page)
    }
    try page?.write(SweepPage(report, registry: registry).html)
    guard page?.isStandardOutput != true else { return }
    let isPlain = !(terminal.environment["NO_COLOR"] ?? "").isEmpty
    try terminal.show(
      report.text(format, blocks: terminal.isOutputInteractive && !isPlain))
  }

  /// The report on the records of files.
  private func report(_ paths: [String], against reference: String?) throws -> SweepReport {
    var lines: [SweepLine] = []
    var notes: [String] = []
    for path in paths {
      let file = try ResultsFile(input(path))
      if file.torn > 0 {
        notes.append("the last record of \(input(path).name) was not finished and is left out")
      }
      lines += file.lines
    }
    for note in notes { terminal.note(note) }
    return try SweepReport(lines, notes: notes, against: reference)
  }

  /// Writes figures to a folder: nothing, unless all of them can be written.
  private func write(
    _ figures: [ReportFigure], to folder: String, not paths: [String], beside page: OutputFile?
  ) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw CommandError.failure("cannot make the folder \(folder); name another one")
    }
    var files: [(file: OutputFile, text: String)] = []
    for figure in figures {
      for (ending, text) in [("svg", figure.svg), ("csv", figure.csv)] {
        let path = "\(folder)/\(figure.name).\(ending)"
        guard let file = try output(path, not: paths) else { continue }
        if let page, page.isSame(as: file) {
          throw CommandError.usage("--out is a figure of --figures; name another file")
        }
        files.append((file, text))
      }
    }
    for (file, text) in files { try file.write(text) }
  }
}
