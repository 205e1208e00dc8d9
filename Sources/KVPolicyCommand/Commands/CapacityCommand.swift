import Evaluation
import KVPolicyKit
import ReferenceModel

/// `kvpolicy capacity`.
struct CapacityCommand: Command {
  static let syntax = Syntax(
    name: "capacity", summary: "count the sequences that fit in memory, policy by policy",
    usage: "[--model PATH] [options]",
    options: [
      .model,
      .policies(defaultPolicies), .budgets(defaultBudget),
      Option("--config", "FILE", "also count under this configuration (JSON)", repeats: true),
      Option(
        "--pool-bytes", "BYTES", "the most bytes that all sequences together may take",
        default: "\(Capacity.Default.poolBytes)"),
      Option(
        "--prompt-tokens", "COUNT", "tokens of each prompt",
        default: "\(Capacity.Default.promptTokens)"),
      Option(
        "--generate", "COUNT", "tokens that each sequence generates",
        default: "\(Capacity.Default.generatedTokens)"),
      Option(
        "--measure", "STEPS", "steps to time where a cache keeps its size",
        default: "\(Capacity.Default.measuredSteps)"),
      Option(
        "--most", "COUNT", "sequences that are run together at most",
        default: "\(Capacity.Default.mostSequences)"),
      .chunk, .threads, .arithmetic, .rows(), .json, .csv,
      .format("the table"), .wide,
    ],
    notes: """
      One sequence of each policy runs to its end first, and its bytes are counted after every step:
      pages, columns, bookkeeping and policy state. As many sequences as fit at their largest then
      decode together. If the rows and bytes of the first sequence stopped changing at some step, all
      sequences decode until that step and through the timed steps; else they run to the end. Tokens are
      random, from a fixed seed. A FILE of '-' is standard input.
      """)
  static let defaultPolicies = "full,streamingllm,h2o,snapkv,morphkv"
  static let defaultBudget = "256"

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let configurations = arguments.all("--config")
    try refuseTwoInputs(configurations)
    let (threads, arithmetic) = (try threads(arguments), try arithmetic(arguments))
    let sizes = try Sizes(arguments, chunk: chunk(arguments), rows: rows(arguments))
    let named = try named(
      arguments, default: CapacityCommand.defaultPolicies,
      budget: CapacityCommand.defaultBudget, tokens: sizes.prompt)
    let model = model(arguments)
    let output = try ReportOutput(arguments, of: self, inputs: [model.path] + configurations)
    let configured = try configuredEntries(configurations, taken: named.names)

    var capacity = Capacity(
      model: LlamaModel(
        try open(model, writing: output.files), threads: threads, arithmetic: arithmetic),
      registry: registry)
    sizes.set(&capacity)
    capacity.modelName = model.name
    let entries = try entries(named, in: cost(capacity.model.shape, capacity.store)) + configured
    terminal.announce(try capacity.plan(entries))
    let report = try measure(capacity, entries)
    try output.write(report, to: terminal)
  }

  private func measure(
    _ capacity: Capacity, _ entries: [PolicyEntry]
  ) throws -> CapacityReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try capacity.run(entries) { bar.show($0) }
  }
}

extension CapacityCommand {
  /// The sizes of a run, from the command line.
  private struct Sizes {
    let pool: Int
    let prompt: Int
    let generate: Int
    let measure: Int
    let most: Int
    let chunk: Int
    let store: StoreConfiguration

    init(_ arguments: Arguments, chunk: Int, rows: RowFormat) throws(CommandError) {
      self.chunk = chunk
      pool = try arguments.integer("--pool-bytes", in: 1...1 << 44) ?? Capacity.Default.poolBytes
      prompt =
        try arguments.integer("--prompt-tokens", in: 1...1 << 24) ?? Capacity.Default.promptTokens
      generate =
        try arguments.integer("--generate", in: 1...1 << 24) ?? Capacity.Default.generatedTokens
      measure =
        try arguments.integer("--measure", in: 1...1 << 24) ?? Capacity.Default.measuredSteps
      most = try arguments.integer("--most", in: 1...1 << 16) ?? Capacity.Default.mostSequences
      store = StoreConfiguration(format: rows)
    }

    func set(_ capacity: inout Capacity) {
      capacity.poolBytes = pool
      capacity.promptTokens = prompt
      capacity.generatedTokens = generate
      capacity.measuredSteps = measure
      capacity.mostSequences = most
      capacity.chunk = chunk
      capacity.store = store
    }
  }
}
