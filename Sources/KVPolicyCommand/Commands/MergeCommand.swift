import Evaluation
import KVPolicyKit
import Reporting

/// `kvpolicy merge`.
struct MergeCommand: Command {
  static let syntax = Syntax(
    name: "merge", summary: "join the results of sweeps, or turn them into CSV",
    usage: "FILE... --out FILE [--csv FILE]\nFILE... --csv FILE", operands: .max, operand: .file,
    options: [
      Option("--out", "FILE", "write the records in the order of their plan; '-' prints them"),
      Option("--csv", "FILE", "write a line for every document; '-' prints them"),
    ],
    notes: """
      Every cell is written once. Two records of a cell must agree in all numbers but times; records of
      another schema or version are refused. A last line without its end, of a sweep that was killed, is
      left out. pandas reads the results with read_json(FILE, lines=True) and the CSV with read_csv(FILE).
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let paths = arguments.operands
    guard !paths.isEmpty else {
      throw CommandError.usage("results are missing; name one or more files")
    }
    try refuseTwoInputs(paths)
    let out = try output(arguments.text("--out"), not: paths)
    let csv = try output(arguments.text("--csv"), not: paths)
    guard out != nil || csv != nil else {
      throw CommandError.usage("--out is missing; the command needs it, or --csv")
    }
    if let out, let csv, out.isSame(as: csv) {
      throw CommandError.usage("--out and --csv are the same file; name two")
    }
    var lines: [SweepLine] = []
    for path in paths {
      let file = try ResultsFile(input(path))
      if file.torn > 0 {
        terminal.note("the last record of \(input(path).name) was not finished and is left out")
      }
      lines += file.lines
    }
    let merged = try SweepMerge.merged(lines)
    let builds = SweepMerge.builds(merged)
    if !builds.isEmpty {
      terminal.note(
        "the records are of builds for \(Markup.list(builds)): the last bits of sums differ")
    }
    try out?.write(merged.map { $0.text + "\n" }.joined())
    try csv?.write(SweepTable.csv(merged.map(\.record)))
    let repeated = lines.count - merged.count
    guard out?.isStandardOutput != true, csv?.isStandardOutput != true else { return }
    try terminal.show(
      "\(Markup.count(merged.count, "cell")) of \(Markup.count(paths.count, "file"))"
        + (repeated > 0 ? ", \(Markup.count(repeated, "repeated record")) left out" : "") + "\n")
  }
}
