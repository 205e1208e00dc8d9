import Evaluation
import KVPolicyKit
import Reporting

/// `kvpolicy rerun`.
struct RerunCommand: Command {
  static let syntax = Syntax(
    name: "rerun", summary: "run a cell of a sweep again and compare all numbers",
    usage: "FILE#ROW [options]", operands: 1, operand: .file,
    options: [
      Option("--model", "PATH", "the model, if it is not where the record says"),
      .jobs,
    ],
    notes: """
      FILE is a results file of 'kvpolicy sweep'; ROW is the number of a line in it, from 1, or a cell's
      id. All numbers but times must be the same, else the differences are printed and the exit status is
      1. A model with other weights is refused. Paths in the record begin in the working folder.
      """)
  /// The most differences that are printed.
  private static let mostShown = 20

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let line = try line(arguments)
    let record = line.record
    let opened = try open(planAt: nil, jobs: jobs(arguments)) { sources in
      try SweepPlan(
        repeating: record, model: arguments.text("--model"), locate: sources.configuration,
        read: sources.text)
    }
    try check(record, against: opened)
    guard let cell = opened.cells.first(where: { $0.id == record.id }) else {
      throw CommandError.failure(
        "\(line.place): the cell is another one now: a text, artifact or setting has changed")
    }
    if record.origin.build != opened.sweep.build || record.origin.version != opened.sweep.version {
      terminal.note(
        "the record is of version \(record.origin.version) for \(record.origin.build), and this is "
          + "\(opened.sweep.version) for \(opened.sweep.build): numbers may differ")
    }
    var again: [SweepRecord] = []
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    try opened.sweep.run([cell]) {
      bar.show($0)
    } record: {
      again.append($0)
    }
    bar.clear()
    for record in again { try compare(line, with: record) }
  }

  /// The line that the operand names.
  private func line(_ arguments: Arguments) throws -> SweepLine {
    let operand = arguments.operands.first ?? ""
    guard let mark = operand.lastIndex(of: "#"), mark > operand.startIndex else {
      throw CommandError.usage("name a record, such as results.jsonl#1")
    }
    let (path, row) = (String(operand[..<mark]), operand[operand.index(after: mark)...])
    let lines = try ResultsFile(input(path)).lines
    if let line = lines.first(where: { $0.record.id == row }) { return line }
    guard let number = Int(row), lines.indices.contains(number - 1) else {
      throw CommandError.usage(
        "\(input(path).name) has no row '\(row)'; it has rows 1 to \(lines.count)")
    }
    return lines[number - 1]
  }

  /// Refuses another model than that of the record.
  private func check(_ record: SweepRecord, against opened: OpenedPlan) throws(CommandError) {
    guard let model = opened.sweep.models.first else { return }
    let recorded = record.cell.model
    guard model.identity.digest == recorded.identity else {
      throw .failure(
        "\(model.source) is another model than the record's \(recorded.name): its identity is "
          + "\(model.identity.digest.prefix(16)), and the record's \(recorded.identity.prefix(16))")
    }
    guard model.content == recorded.content else {
      throw .failure(
        "\(model.source) is the record's \(recorded.name) with other weights, such as another "
          + "quantisation: their digest is \(model.content.prefix(16)), and the record's "
          + "\(recorded.content.prefix(16))")
    }
  }

  private func compare(_ line: SweepLine, with record: SweepRecord) throws {
    let again = try SweepLine(String(try record.line().dropLast()), place: "the new run")
    let (count, words) = (line.numbers.leaves, record.cell.words)
    let differences = line.differences(from: again)
    guard !differences.isEmpty else {
      return try terminal.show("\(words): all \(count) numbers are the same\n")
    }
    for difference in differences.prefix(RerunCommand.mostShown) {
      try terminal.show(
        "\(difference.path): recorded \(difference.values[0].excerpt), now "
          + "\(difference.values[1].excerpt)\n")
    }
    throw CommandError.failure("\(words): \(differences.count) of \(count) numbers differ")
  }
}
