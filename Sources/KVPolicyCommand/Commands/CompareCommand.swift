import Evaluation
import KVPolicyKit
import ReferenceModel

/// `kvpolicy compare`.
struct CompareCommand: Command {
  static let syntax = Syntax(
    name: "compare", summary: "run the same text under several policies and compare them",
    usage: "[--model PATH] [options]",
    options: [
      .model,
      .policies(defaultPolicies), .budgets(defaultBudget),
      Option("--config", "FILE", "also compare this configuration (JSON)", repeats: true),
      Option("--text", "FILE", "the text to read", default: "one that the model understands"),
      .special,
      Option(
        "--prompt-tokens", "COUNT", "tokens of the prompt",
        default: "\(Comparison.Default.promptTokens)"),
      Option(
        "--decode-tokens", "COUNT", "tokens of the forced continuation",
        default: "\(Comparison.Default.decodeTokens)"),
      .chunk, .rows(),
      Option(
        "--page-rows", "4|8|16|32|64", "rows per page",
        default: "\(StoreConfiguration.Default.pageRows)"),
      Option(
        flag: "--fidelity",
        "also the error of each layer's attention output, and what is kept alike"),
      .threads, .arithmetic, .json, .csv, .format("the table"), .wide,
    ],
    notes: """
      Every policy reads the first tokens of the text as its prompt and is then given the tokens that
      follow, one by one, whatever it would have predicted. Full attention always runs first: it is
      what the others are compared with, in exact arithmetic whatever arithmetic they use. A FILE of
      '-' is standard input.

      The policy 'oracle' exists here only: it has seen the text to come, and keeps the rows that full
      attention will attend to most. It is a ceiling, as 'random' is a floor, but no optimum: it chooses
      row by row. 'all' does not name it.

      --fidelity adds tables of errors and overlaps, which only the form 'table' and the --json FILE have.

      Without --text the bundled model reads a document of the tasks, such as 'kvpolicy document' prints: it
      knows their language and no other. Other models read a built-in story.
      """)
  static let defaultPolicies = "full,streamingllm,h2o,snapkv,morphkv"
  static let defaultBudget = "256"

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let text = arguments.text("--text")
    try arguments.demand("--text", for: "--special")
    let special = try findsSpecial(arguments)
    let configurations = arguments.all("--config")
    try refuseTwoInputs([text] + configurations)
    let sizes = try Sizes(arguments, chunk: chunk(arguments), rows: rows(arguments))
    let (threads, arithmetic) = (try threads(arguments), try arithmetic(arguments))
    // Its name is known here only, and only where it is written: 'all' are the policies to use.
    let listed = try arguments.list("--policies", default: CompareCommand.defaultPolicies)
    let namer = listed.contains(FutureAttention.name) ? knowingTheOracle : self
    let named = try namer.named(
      arguments, default: CompareCommand.defaultPolicies, budget: CompareCommand.defaultBudget,
      tokens: sizes.prompt)
    let model = model(arguments)
    let output = try ReportOutput(arguments, of: self, inputs: [model.path, text] + configurations)
    if arguments.has("--fidelity"), output.format != .table, output.json == nil {
      throw CommandError.usage(
        "--fidelity has no effect with --format \(output.format.rawValue) alone; add --json FILE")
    }
    let configured = try configuredEntries(configurations, taken: named.names)
    let given = try text.map { (try input($0).text(), name: input($0).name) }

    let files = try open(model, writing: output.files)
    let reading = try Reading(given, special: special, for: files, tokens: sizes.tokens)
    if reading.isForeign {
      terminal.note(
        "the model speaks the language of the tasks and the text does not, so the figures "
          + "mean little; without --text it reads a document of the tasks")
    }
    var comparison = Comparison(
      model: LlamaModel(files, threads: threads, arithmetic: arithmetic), registry: registry)
    sizes.set(&comparison)
    comparison.measuresFidelity = arguments.has("--fidelity")
    comparison.modelName = model.name
    comparison.textName = reading.name
    let entries = try namer.entries(named, in: cost(comparison.model.shape, comparison.store))
    let report = try measure(comparison, entries + configured, tokens: reading.tokens)
    try output.write(report, to: terminal)
  }

  /// This command with a registry that knows the oracle's name.
  private var knowingTheOracle: CompareCommand {
    CompareCommand(registry: registry.adding(FutureAttention.self), terminal: terminal)
  }

  private func measure(
    _ comparison: Comparison, _ entries: [PolicyEntry], tokens: [Int]
  ) throws -> ComparisonReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try comparison.run(entries, tokens: tokens) { bar.show($0) }
  }
}

extension CompareCommand {
  /// The sizes of a comparison, from the command line.
  private struct Sizes {
    let prompt: Int
    let decode: Int
    let chunk: Int
    let store: StoreConfiguration
    /// All tokens that each policy reads.
    var tokens: Int { prompt + decode }

    init(_ arguments: Arguments, chunk: Int, rows: RowFormat) throws(CommandError) {
      self.chunk = chunk
      prompt =
        try arguments.integer("--prompt-tokens", in: 1...1 << 24) ?? Comparison.Default.promptTokens
      decode =
        try arguments.integer("--decode-tokens", in: 1...1 << 24) ?? Comparison.Default.decodeTokens
      let pageRows =
        try arguments.integer("--page-rows", in: 4...64) ?? StoreConfiguration.Default.pageRows
      guard pageRows.nonzeroBitCount == 1 else {
        throw .usage("--page-rows cannot be '\(pageRows)'; it must be 4, 8, 16, 32 or 64")
      }
      store = StoreConfiguration(pageRows: pageRows, format: rows)
    }

    func set(_ comparison: inout Comparison) {
      comparison.promptTokens = prompt
      comparison.decodeTokens = decode
      comparison.chunk = chunk
      comparison.store = store
    }
  }
}
