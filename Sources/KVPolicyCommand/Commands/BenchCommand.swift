import Evaluation
import KVPolicyKit
import ReferenceModel

/// `kvpolicy bench`.
struct BenchCommand: Command {
  static let syntax = Syntax(
    name: "bench", summary: "measure speed, policy by policy, against what the machine can do",
    usage: "[--model PATH] [options]",
    options: [
      .model,
      .policies(defaultPolicies), .budgets(defaultBudget),
      Option("--config", "FILE", "also measure this configuration (JSON)", repeats: true),
      Option(
        "--prefill", "LENGTHS", "tokens of the prompts, with commas between, or 'none'",
        default: list(Benchmark.Default.prefillLengths)),
      Option(
        "--decode", "DEPTHS", "tokens read before decoding, with commas between, or 'none'",
        default: list(Benchmark.Default.decodeDepths)),
      Option(
        "--batch", "SIZES", "sequences that decode together at each depth, or 'none'",
        default: list(Benchmark.Default.batchSizes)),
      Option(
        "--steps", "COUNT", "tokens decoded per repeat", default: "\(Benchmark.Default.steps)"),
      Option(
        "--repeats", "COUNT", "how often each thing is timed",
        default: "\(Benchmark.Default.repeats)"),
      .threads, .arithmetic, .rows(), .json, .csv, .format("what is printed"), .wide,
      Option("--compare", "FILE", "also compare with an earlier --json file of this command"),
      Option(flag: "--floor", "only measure the machine"),
    ],
    notes: """
      The machine's memory and arithmetic are timed first, between any two measurements and at the end.
      They give the least time that each piece of work can take; the table shows the share of it that
      was reached. A depth's tokens are read as a prompt; steps, then repeats, follow one another from
      there. Tokens are random, from a fixed seed. Sequences that decode together share each pass over
      the weights; each has a prompt of its own. A share (--budget 1/4) is one of the longest prompt or
      depth. A FILE of '-' is standard input.

      The form 'table' has several tables: the machine, speeds, batches and hooks. Other forms have the
      table of speeds alone, or that of the machine with --floor.
      """)
  static let defaultPolicies = "full,streamingllm,h2o,snapkv,morphkv,tova"
  static let defaultBudget = "512"

  /// Numbers in the form that an option accepts: separated by commas, or `none`.
  private static func list(_ numbers: [Int]) -> String {
    numbers.isEmpty ? "none" : numbers.map { "\($0)" }.joined(separator: ",")
  }

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let threads = try threads(arguments)
    if arguments.has("--floor") { return try measureFloor(arguments, threads: threads) }
    let configurations = arguments.all("--config")
    let earlierPath = arguments.text("--compare")
    try refuseTwoInputs(configurations + [earlierPath])
    if earlierPath != nil, arguments.text("--json") == "-" || arguments.text("--csv") == "-" {
      throw CommandError.usage(
        "--compare has no effect if a file is printed instead of the table; name a file")
    }
    let sizes = try Sizes(arguments, rows: rows(arguments))
    let arithmetic = try arithmetic(arguments)
    let named = try named(
      arguments, default: BenchCommand.defaultPolicies, budget: BenchCommand.defaultBudget,
      tokens: (sizes.prefill + sizes.decode).max() ?? 0)
    let model = model(arguments)
    let output = try ReportOutput(
      arguments, of: self, inputs: [model.path, earlierPath] + configurations)
    if earlierPath != nil, output.format != .table {
      throw CommandError.usage(
        "--compare has no effect with --format \(output.format.rawValue); leave one of them out")
    }
    let configured = try configuredEntries(configurations, taken: named.names)
    let earlier = try earlierPath.map { try earlierReport($0) }

    var benchmark = Benchmark(
      model: LlamaModel(
        try open(model, writing: output.files), threads: threads, arithmetic: arithmetic),
      registry: registry)
    sizes.set(&benchmark)
    benchmark.modelName = model.name
    let entries =
      try entries(named, in: cost(benchmark.model.shape, benchmark.store)) + configured
    terminal.announce(try benchmark.plan(entries))
    let report = try measure(benchmark, entries)
    let change = earlier.map { "\n" + BenchmarkChange(now: report, before: $0).table } ?? ""
    try output.write(report, rest: change, to: terminal)
  }

  private func measureFloor(_ arguments: Arguments, threads: Int) throws {
    for option in BenchCommand.syntax.options {
      if !["--floor", "--threads", "--json", "--csv", "--format", "--wide"].contains(option.name) {
        try arguments.refuse("--floor", with: option.name)
      }
    }
    let output = try ReportOutput(arguments, of: self, inputs: [])
    let report = Benchmark.floor(threads: threads)
    try output.write(report, to: terminal)
  }

  private func measure(
    _ benchmark: Benchmark, _ entries: [PolicyEntry]
  ) throws -> BenchmarkReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try benchmark.run(entries) { bar.show($0) }
  }

  /// The report in a `--json` file of an earlier `bench`.
  private func earlierReport(_ path: String) throws -> BenchmarkReport {
    let text = try input(path).text()
    do throws(BenchmarkError) {
      return try BenchmarkReport(json: text)
    } catch {
      throw CommandError.failure("\(input(path).name): \(error)")
    }
  }
}

extension BenchCommand {
  /// The sizes of a benchmark, from the command line.
  private struct Sizes {
    let prefill: [Int]
    let decode: [Int]
    let batch: [Int]
    let steps: Int
    let repeats: Int
    let store: StoreConfiguration

    init(_ arguments: Arguments, rows: RowFormat) throws(CommandError) {
      prefill =
        try arguments.integers("--prefill", in: 1...1 << 24, allowsNone: true)
        ?? Benchmark.Default.prefillLengths
      decode =
        try arguments.integers("--decode", in: 0...1 << 24, allowsNone: true)
        ?? Benchmark.Default.decodeDepths
      guard !(prefill + decode).isEmpty else {
        throw .usage("--prefill and --decode are both 'none'; name something to measure")
      }
      batch =
        try arguments.integers("--batch", in: 1...Benchmark.largestBatch, allowsNone: true)
        ?? Benchmark.Default.batchSizes
      guard batch.isEmpty || !decode.isEmpty else {
        throw .usage("--batch has no effect with --decode 'none'; name a depth")
      }
      steps = try arguments.integer("--steps", in: 1...1 << 24) ?? Benchmark.Default.steps
      repeats = try arguments.integer("--repeats", in: 1...1 << 16) ?? Benchmark.Default.repeats
      store = StoreConfiguration(format: rows)
    }

    func set(_ benchmark: inout Benchmark) {
      benchmark.prefillLengths = prefill
      benchmark.decodeDepths = decode
      benchmark.batchSizes = batch
      benchmark.steps = steps
      benchmark.repeats = repeats
      benchmark.store = store
    }
  }
}
