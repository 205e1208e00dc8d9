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
      Option("--policies", "NAMES", "names with commas between", standard: standardPolicies),
      Option("--budget", "ROWS", "rows per lane that each of them may keep", standard: "512"),
      Option("--config", "FILE", "also measure this configuration (JSON)", repeats: true),
      Option(
        "--prefill", "LENGTHS", "tokens of the prompts, with commas between, or 'none'",
        standard: "512"),
      Option(
        "--decode", "DEPTHS", "tokens read before decoding, likewise", standard: "0,512,2048"),
      Option(
        "--batch", "SIZES", "sequences that decode together at each depth, likewise",
        standard: "none"),
      Option("--steps", "COUNT", "tokens decoded per repeat", standard: "16"),
      Option("--repeats", "COUNT", "how often each thing is timed", standard: "3"),
      .threads, .arithmetic, .rows(.f16), .json, .csv,
      Option("--compare", "FILE", "also compare with an earlier --json file of this command"),
      Option(flag: "--floor", "only measure the machine"),
    ],
    notes: """
      The machine's memory and arithmetic are timed first, between any two measurements and at the end.
      They give the least time that each piece of work can take; the table shows the share of it that
      was reached. A depth's tokens are read as a prompt; steps, then repeats, follow one another from
      there. Tokens are random, from a fixed seed. Sequences that decode together share each pass over
      the weights; each has a prompt of its own. A FILE of '-' is standard input.
      """)
  static let standardPolicies = "full,streamingllm,h2o,snapkv,morphkv,tova"

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
    let sizes = try Sizes(arguments)
    let arithmetic = try arithmetic(arguments)
    let named = try namedEntries(arguments, standard: BenchCommand.standardPolicies, budget: 512)
    let model = model(arguments)
    let output = try ReportOutput(
      arguments, of: self, inputs: [model.path, earlierPath] + configurations)
    let entries =
      named + (try configuredEntries(configurations, taken: named.map(\.label)))
    let earlier = try earlierPath.map { try earlierReport($0) }

    var benchmark = Benchmark(
      model: LlamaModel(try model.open(), threads: threads, arithmetic: arithmetic),
      registry: registry)
    sizes.set(&benchmark)
    benchmark.modelName = model.name
    let report = try measure(benchmark, entries)
    let change = earlier.map { "\n" + BenchmarkChange(now: report, before: $0).table } ?? ""
    try output.write(
      json: try report.json(), csv: report.csv, table: report.table + change, to: terminal)
  }

  private func measureFloor(_ arguments: Arguments, threads: Int) throws {
    for option in BenchCommand.syntax.options {
      if !["--floor", "--threads", "--json", "--csv"].contains(option.name) {
        try arguments.refuse("--floor", with: option.name)
      }
    }
    let output = try ReportOutput(arguments, of: self, inputs: [])
    let report = Benchmark.floor(threads: threads)
    try output.write(
      json: try report.json(), csv: report.csv, table: report.table, to: terminal)
  }

  private func measure(
    _ benchmark: Benchmark, _ entries: [PolicyEntry]
  ) throws -> BenchmarkReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try benchmark.run(entries) { bar.show($0) }
  }

  /// An earlier report.
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
  /// The numbers of a benchmark.
  private struct Sizes {
    let prefill: [Int]
    let decode: [Int]
    let batch: [Int]
    let steps: Int
    let repeats: Int
    let store: StoreConfiguration

    init(_ arguments: Arguments) throws(CommandError) {
      prefill = try arguments.integers("--prefill", in: 1...1 << 24, allowsNone: true) ?? [512]
      decode =
        try arguments.integers("--decode", in: 0...1 << 24, allowsNone: true) ?? [0, 512, 2048]
      guard !(prefill + decode).isEmpty else {
        throw .usage("--prefill and --decode are both 'none'; name something to measure")
      }
      batch =
        try arguments.integers("--batch", in: 1...Benchmark.largestBatch, allowsNone: true) ?? []
      guard batch.isEmpty || !decode.isEmpty else {
        throw .usage("--batch has no effect with --decode 'none'; name a depth")
      }
      steps = try arguments.integer("--steps", in: 1...1 << 24) ?? 16
      repeats = try arguments.integer("--repeats", in: 1...1 << 16) ?? 3
      store = StoreConfiguration(
        format: try arguments.choice("--rows", of: RowFormat.self) ?? .f16)
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
