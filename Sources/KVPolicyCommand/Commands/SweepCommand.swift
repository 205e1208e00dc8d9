import Evaluation
import KVPolicyKit
import ReferenceModel
import Reporting

/// `kvpolicy sweep`.
struct SweepCommand: Command {
  static let syntax = Syntax(
    name: "sweep", summary: "measure many policies, budgets, tasks and seeds, resumably",
    usage: "PLAN --out FILE [options]\nPLAN --dry-run [options]", operands: 1, operand: .file,
    options: [
      Option("--out", "FILE", "the results: a line is added for every cell"),
      .jobs,
      Option("--shard", "I/N", "run only every N-th cell, from the I-th on"),
      Option(flag: "--dry-run", "list the cells and estimate the time; run nothing"),
      .format("the cells of a dry run"),
    ],
    notes: """
      PLAN is a JSON file: "models", "policies", "budgets", "tasks", "lengths", "seeds", "documents" and
      "options". Every policy runs with every budget on every task; full attention always runs too. Tasks
      are the kinds of documents of 'kvpolicy tasks'; 'language', which reads a text; questions about texts
      ('needle', 'single-1', 'variables', 'diary' and others); and 'file', questions of yours. Paths in the
      plan begin in its folder.

      FILE may exist: its cells are not run again. So a sweep that was killed, at any moment, goes on with
      the same command, and a plan that has grown runs only what is new. Machines share a plan with
      --shard, each with a FILE of its own, and 'kvpolicy merge' joins the files. The numbers do not
      depend on jobs, shards or order. 'kvpolicy rerun' checks a record.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    guard let path = arguments.operands.first else {
      throw CommandError.usage("a plan is missing; name a JSON file")
    }
    try arguments.demand("--dry-run", for: "--format")
    let format = try format(arguments)
    let isDry = arguments.has("--dry-run")
    let out = isDry ? arguments.text("--out") : try arguments.required("--out")
    let jobs = try jobs(arguments)
    let shard = try arguments.text("--shard").map { text throws(CommandError) in
      try Shard(text)
    }
    let file = input(path)
    let text = try file.text()
    let opened: OpenedPlan
    do {
      opened = try open(planAt: path, jobs: jobs) { sources in
        try SweepPlan(parsing: text, locate: sources.configuration, read: sources.text)
      }
    } catch let error as CommandError {
      throw error
    } catch {
      throw CommandError.failure("\(file.name): \(error)")
    }
    for name in opened.leftOut {
      terminal.note("\(name) is not run: it needs an artifact")
    }
    let cells = opened.cells.filter { shard?.has($0.place) ?? true }
    if isDry { return try list(cells, of: opened.sweep, done: try done(out), as: format) }
    guard let out else { return }
    let log = try ResultsLog(out, terminal: terminal)
    try check(log.lines, for: opened.sweep)
    try run(cells, of: opened.sweep, into: log, out)
  }

  private func run(
    _ cells: [PlannedCell], of sweep: Sweep, into log: ResultsLog, _ out: String
  ) throws {
    let done = Set(log.lines.map(\.record.id))
    let rest = cells.filter { !done.contains($0.id) }
    let documents = rest.reduce(0) { $0 + $1.cell.documents }
    terminal.note(
      "\(Markup.count(cells.count, "cell")), \(cells.count - rest.count) of them done before; "
        + "running \(Markup.count(documents, "document"))")
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    var warnings: [String] = []
    try sweep.run(rest) {
      bar.show($0)
    } record: { record in
      try log.append(record)
      warnings += record.warnings
    }
    bar.clear()
    for warning in warnings { terminal.note(warning) }
    try terminal.show(
      "\(Markup.count(rest.count, "cell")) run, \(cells.count - rest.count) done before: "
        + "\(out)\n")
  }

  /// Refuses to go on with results of another version, and says so if the build is another one.
  private func check(_ lines: [SweepLine], for sweep: Sweep) throws(CommandError) {
    for line in lines where line.record.origin.version != sweep.version {
      throw .failure(
        "\(line.place) is of version \(line.record.origin.version), and this is "
          + "\(sweep.version); name another file")
    }
    if let line = lines.first(where: { $0.record.origin.build != sweep.build }) {
      terminal.note(
        "\(line.place) is of a build for \(line.record.origin.build), and this one is for "
          + "\(sweep.build): the last bits of sums differ")
    }
  }

  /// The ids of the records in a file; none if there is no such file.
  private func done(_ out: String?) throws -> Set<String> {
    guard let out, out != "-", (try? FileStatus.of(out)) ?? nil != nil else { return [] }
    return Set(try ResultsFile(input(out)).lines.map(\.record.id))
  }

  /// Prints the cells in a format, and an estimate of the time, which is a note beside CSV and
  /// lines of JSON.
  private func list(
    _ cells: [PlannedCell], of sweep: Sweep, done: Set<String>, as format: TableFormat
  ) throws {
    let fields: [ReportText.Field<PlannedCell>] = [
      ("cell", { $0.place }), ("id", { $0.id }), ("policy", { $0.cell.policy.label }),
      ("budget", { $0.cell.budget.asked }), ("task", { $0.cell.task.name }),
      ("length", { $0.cell.length }), ("seed", { $0.cell.seed }),
      ("documents", { $0.cell.documents }),
      ("state", { done.contains($0.id) ? "done" : "to do" }), ("model", { $0.cell.model.name }),
    ]
    let texts: Set = ["id", "policy", "task", "state", "model"]
    var table = TextTable(fields.map { .init($0.name, texts.contains($0.name) ? .left : .right) })
    for cell in cells {
      table.add(
        fields.map { field in
          switch field.value(cell).json {
          case .string(let text): text
          case .null: "-"
          case let number: number.text
          }
        })
    }
    let rest = cells.filter { !done.contains($0.id) }
    let seconds = try sweep.estimatedSeconds(rest)
    let time =
      seconds < 90
      ? "\(Quantities.fixed(seconds.rounded(.up), 0)) s"
      : seconds < 5400
        ? "\(Quantities.fixed(seconds / 60, 0)) min" : "\(Quantities.fixed(seconds / 3600, 1)) h"
    let summary =
      "\(Markup.count(cells.count, "cell")), \(rest.count) to run; at the speed of full attention "
      + "about \(time) with \(Markup.count(sweep.jobs, "job"))"
    switch format {
    case .table: try terminal.show(table.text + "\n\n" + TerminalText.wrapped(summary) + "\n")
    case .markdown: try terminal.show(table.markdown())
    case .csv: try terminal.show(ReportText.csv(fields, cells))
    case .jsonl: try terminal.show(ReportText.jsonLines(fields, cells))
    }
    if format != .table { terminal.note(summary) }
  }
}

extension Option {
  static let jobs = Option(
    "--jobs", "COUNT", "documents that are read at the same time", default: "one per core")
}

extension Command {
  /// The number of jobs that `--jobs` gives, or else the default.
  func jobs(_ arguments: Arguments) throws(CommandError) -> Int {
    try arguments.integer("--jobs", in: 1...256) ?? LlamaModel.defaultThreads
  }
}

/// Every n-th cell of a plan.
struct Shard {
  private let number: Int
  private let count: Int

  /// Reads `1/4`, the first of four.
  init(_ text: String) throws(CommandError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1], count >= 1,
      count <= 1 << 20, (1...count).contains(number)
    else {
      throw .usage("--shard cannot be '\(text)'; it must be I/N with I from 1 to N, such as 1/4")
    }
    (self.number, self.count) = (number, count)
  }

  /// Whether the cell with this place in the plan belongs to the shard.
  func has(_ place: Int) -> Bool { place % count == number - 1 }
}
