import BundledModel
import Evaluation
import KVPolicyKit
import MiniTasks

/// `kvpolicy tasks`.
struct TasksCommand: Command {
  static let syntax = Syntax(
    name: "tasks", summary: "let a small model answer long tasks under several policies",
    usage: "[options]",
    options: [
      Option(
        "--model", "PATH", "a model that speaks the tasks' language", standard: BundledModel.name),
      Option("--policies", "NAMES", "names with commas", standard: standardPolicies),
      Option(
        "--shares", "NUMBERS", "budgets: a document's tokens divided by these, with commas between",
        standard: "4,8"),
      Option("--documents", "COUNT", "documents that each of them answers", standard: "16"),
      Option(
        "--tokens", "COUNT", "tokens of a document, its true answer included", standard: "2048"),
      .rows(.f16), .chunk,
      Option(
        "--threads", "COUNT", "documents that are read at the same time", standard: "one per core"),
      Option(
        "--html", "FILE", "write a page to look at; '-' prints it instead", standard: standardPage),
      Option(flag: "--no-html", "write no page; nor is one written beside what '-' prints"),
      .json, .csv,
    ],
    notes: """
      A document names words that the items of a long list must hold, some once, some in a range, some every
      few items, and asks for values of keys. The model reads it, then writes the list and the answers by
      itself, each policy its own, and every word that was asked for is checked. Documents are drawn from
      fixed seeds with which no model was trained. Full attention always runs first. The page shows the
      table, where in the answers words are lost, and what each policy keeps of one shorter document.

      Besides policies, NAMES can have 'morphkv-max': morphkv with "fusion": "max".
      """)
  static let standardPolicies = "random,streamingllm,h2o,tova,snapkv,morphkv,morphkv-max"
  static let standardPage = "kvpolicy.html"
  /// Settings of a policy that are compared under a name of their own.
  private static let variants: [String: (policy: String, settings: [String: JSONValue])] = [
    "morphkv-max": ("morphkv", ["fusion": "max"])
  ]

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    try arguments.refuse("--html", with: "--no-html")
    let sizes = try Sizes(arguments, chunk: chunk(arguments), threads: threads(arguments))
    let names = try arguments.list("--policies", standard: Self.standardPolicies)
    let entries = try sizes.shares.flatMap { share throws(CommandError) in
      try names.map { name throws(CommandError) in
        try entry(
          name, budget: sizes.tokens / share, " (--tokens \(sizes.tokens) over --shares \(share))")
      }
    }
    // The story's document is shorter: what is too little to run on there only stays out of the story.
    let story = names.compactMap { try? entry($0, budget: sizes.storyTokens / sizes.shares[0]) }
    let model = ModelAtHand(arguments.text("--model") ?? BundledModel.name)
    let output = try ReportOutput(arguments, of: self, inputs: [model.path], page: page(arguments))

    var comparison = try TaskComparison(model.open(), registry: registry)
    sizes.set(&comparison)
    comparison.modelName = model.name
    let report = try measure(comparison, entries, story: story)
    let seeAlso = output.page.map { "\nThe page is \($0.path).\n" } ?? ""
    try output.write(
      json: try report.json(), csv: report.csv,
      page: output.page == nil ? "" : TaskPage(report).html, table: report.table + seeAlso,
      to: terminal)
  }

  /// A policy with the settings that spend a budget; `origin` says where that comes from.
  private func entry(
    _ name: String, budget: Int, _ origin: String = ""
  ) throws(CommandError) -> PolicyEntry {
    let variant = TasksCommand.variants[name] ?? (name, [:])
    do {
      let names = registry.names + TasksCommand.variants.keys.sorted()
      guard names.contains(name) else { throw PolicyError.unknownPolicy(name, known: names) }
      let settings = try registry.type(named: variant.policy).settings(budget: .rows(budget)) ?? [:]
      let configuration = PolicyConfiguration(
        variant.policy, settings.merging(variant.settings) { $1 })
      return PolicyEntry(configuration, label: name, budget: budget)
    } catch PolicyError.impossible(let policy, let reason) {
      throw .usage("\(PolicyError.impossible(policy: policy, reason: reason))\(origin)")
    } catch {
      throw .usage("\(error)")
    }
  }

  /// Where the page is written, if one is: not beside results that are printed for another program, unless
  /// that is asked for.
  private func page(_ arguments: Arguments) -> String? {
    if arguments.has("--no-html") { return nil }
    if let path = arguments.text("--html") { return path }
    if ["--json", "--csv"].contains(where: { arguments.text($0) == "-" }) { return nil }
    let folder = terminal.workingFolder
    return folder == "." ? TasksCommand.standardPage : folder + "/" + TasksCommand.standardPage
  }

  private func measure(
    _ comparison: TaskComparison, _ entries: [PolicyEntry],
    story: [PolicyEntry]
  ) throws -> TaskReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try comparison.run(entries, story: story) { bar.show($0) }
  }
}

extension TasksCommand {
  /// The numbers of a run.
  private struct Sizes {
    let shares: [Int]
    let documents: Int
    let tokens: Int
    let chunk: Int
    let threads: Int
    let store: StoreConfiguration

    /// Tokens of the story's document: as many as fit a page.
    var storyTokens: Int { min(448, tokens) }

    init(_ arguments: Arguments, chunk: Int, threads: Int) throws(CommandError) {
      (self.chunk, self.threads) = (chunk, threads)
      shares = try arguments.integers("--shares", in: 1...1 << 16) ?? [4, 8]
      documents = try arguments.integer("--documents", in: 1...1 << 16) ?? 16
      tokens =
        try arguments.integer("--tokens", in: TaskMixture.Kind.both.shortest...1 << 20) ?? 2048
      store = StoreConfiguration(
        format: try arguments.choice("--rows", of: RowFormat.self) ?? .f16)
    }

    func set(_ comparison: inout TaskComparison) {
      comparison.documents = documents
      comparison.documentTokens = tokens
      comparison.storyTokens = storyTokens
      comparison.chunk = chunk
      comparison.threads = threads
      comparison.store = store
    }
  }
}
