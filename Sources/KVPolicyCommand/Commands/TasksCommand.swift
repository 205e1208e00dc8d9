import BundledModel
import Evaluation
import KVPolicyKit
import MiniTasks
import ReferenceModel
import Reporting

/// `kvpolicy tasks`.
struct TasksCommand: Command {
  static let syntax = Syntax(
    name: "tasks", summary: "let a small model answer long tasks under several policies",
    usage: "[options]",
    options: [
      Option(
        "--model", "PATH", "a model that speaks the tasks' language", default: BundledModel.name),
      .policies(defaultPolicies), .budgets(defaultBudgets),
      Option("--config", "FILE", "also run this configuration (JSON)", repeats: true),
      .documentKind,
      Option(
        "--documents", "COUNT", "documents that each of them answers",
        default: "\(TaskComparison.Default.documents)"),
      Option(
        "--tokens", "COUNT", "tokens of a document, its true answer included",
        default: "\(TaskComparison.Default.documentTokens)"),
      .documentSeed, .rows(), .chunk,
      Option(
        "--threads", "COUNT", "documents that are read at the same time", default: "one per core"),
      Option(
        "--html", "FILE", "write a page to look at; '-' prints it instead", default: defaultPage),
      Option(
        flag: "--no-html",
        "write no page; nor is one written beside what '-' or another form than 'table' prints"),
      .json, .csv, .format("the table"), .wide,
    ],
    notes: """
      A document names words that the items of a long list must hold, some once, some in a range, some every
      few items, and asks for values of keys. The model reads it, then writes the list and the answers by
      itself, each policy its own, and every word that was asked for is checked. Documents are drawn from
      a seed with which no model was trained; no two seeds have a document in common. Full attention
      always runs first. 'kvpolicy document' prints one.

      A document of kind 'both' asks for a list and for values, all at once; a 'dialogue' asks again in later
      turns, also for what the model wrote in earlier ones.

      Each policy that is named runs once per budget, or just once if it takes none. A share is one of a
      document's tokens, rounded down to rows; bytes are those of a sequence over all layers. A
      configuration states its own sizes and runs once; a FILE of '-' is standard input. The page shows the table, where in the answers words are lost, and what
      each policy keeps of one shorter document, the first that full attention answers without a fault; for it
      the first budget is smaller in proportion.
      """)
  static let defaultPolicies = "random,streamingllm,h2o,tova,snapkv,morphkv"
  static let defaultBudgets = "1/4,1/8"
  static let defaultPage = "kvpolicy.html"

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    try arguments.refuse("--html", with: "--no-html")
    let configurations = arguments.all("--config")
    try refuseTwoInputs(configurations)
    let sizes = try Sizes(
      arguments, chunk: chunk(arguments), threads: threads(arguments), rows: rows(arguments))
    let named = try named(
      arguments, default: TasksCommand.defaultPolicies, budget: TasksCommand.defaultBudgets,
      tokens: sizes.tokens, of: "document")
    let storyBudget = try storyBudget(arguments, sizes)
    let model = ModelAtHand(arguments.text("--model") ?? BundledModel.name)
    let output = try ReportOutput(
      arguments, of: self, inputs: [model.path] + configurations,
      page: page(arguments, beside: format(arguments)))
    let configured = try configuredEntries(
      configurations, taken: named.names + [Comparison.reference.main.policy])

    var comparison = try TaskComparison(open(model, writing: output.files), registry: registry)
    sizes.set(&comparison)
    comparison.modelName = model.name
    let cost = try cost(comparison.model.shape, comparison.store)
    // A policy whose budget is too small for the story's shorter document is left out of the story
    // only.
    let told = named.names.compactMap { try? entry($0, budget: storyBudget, in: cost) }
    let report = try measure(
      comparison, entries(named, in: cost) + configured, story: told + configured)
    let seeAlso = output.page.map { "\nThe page is \(TerminalText.escaped($0.path)).\n" } ?? ""
    try output.write(
      report, page: output.page == nil ? "" : TaskPage(report).html, rest: seeAlso, to: terminal)
    if output.format != .table, let page = output.page {
      terminal.note("the page is \(page.path)")
    }
  }

  /// The path of the page, or nil for no page. If results are printed for another program, a page
  /// is written only if `--html` asks for it.
  private func page(_ arguments: Arguments, beside format: TableFormat) -> String? {
    if arguments.has("--no-html") { return nil }
    if let path = arguments.text("--html") { return path }
    let isPrinted = ["--json", "--csv"].contains { arguments.text($0) == "-" }
    if isPrinted || format != .table { return nil }
    let folder = terminal.workingFolder
    return folder == "." ? TasksCommand.defaultPage : folder + "/" + TasksCommand.defaultPage
  }

  /// The first budget, in proportion to the length of the story's document.
  private func storyBudget(
    _ arguments: Arguments, _ sizes: Sizes
  ) throws(CommandError) -> GivenBudget {
    let texts = try arguments.list(
      "--budget", default: TasksCommand.defaultBudgets, of: "budget")
    return try Budget(texts[0], option: "--budget")
      .scaled(to: sizes.storyTokens, of: sizes.tokens)
  }

  private func measure(
    _ comparison: TaskComparison, _ entries: [PolicyEntry], story: [PolicyEntry]
  ) throws -> TaskReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try comparison.run(entries, story: story) { bar.show($0) }
  }
}

extension TasksCommand {
  /// The sizes of a run, from the command line.
  private struct Sizes {
    let kind: TaskMixture.Kind
    let documents: Int
    let tokens: Int
    /// Tokens of the story's document. A longer document would not fit a page.
    let storyTokens: Int
    let seed: Int
    let chunk: Int
    let threads: Int
    let store: StoreConfiguration

    init(
      _ arguments: Arguments, chunk: Int, threads: Int, rows: RowFormat
    ) throws(CommandError) {
      (self.chunk, self.threads) = (chunk, threads)
      documents =
        try arguments.integer("--documents", in: 1...1 << 16) ?? TaskComparison.Default.documents
      kind =
        try arguments.choice("--kind", of: TaskMixture.Kind.self) ?? TaskComparison.Default.kind
      let shortest = max(kind.shortest, TaskMixture.Kind.both.shortest)
      tokens =
        try arguments.integer("--tokens", in: shortest...1 << 20)
        ?? TaskComparison.Default.documentTokens
      storyTokens = min(TaskComparison.Default.storyTokens, tokens)
      seed =
        try arguments.integer("--seed", in: TaskComparison.seeds) ?? TaskComparison.Default.seed
      store = StoreConfiguration(format: rows)
    }

    func set(_ comparison: inout TaskComparison) {
      comparison.documents = documents
      comparison.kind = kind
      comparison.documentTokens = tokens
      comparison.storyTokens = storyTokens
      comparison.seed = seed
      comparison.chunk = chunk
      comparison.threads = threads
      comparison.store = store
    }
  }
}
