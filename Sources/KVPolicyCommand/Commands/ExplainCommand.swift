import Evaluation
import KVPolicyKit
import MiniTasks
import ReferenceModel
import Reporting

/// `kvpolicy explain`.
struct ExplainCommand: Command {
  static let syntax = Syntax(
    name: "explain", summary: "draw what a policy forgets, token by token",
    usage: "[--model PATH] [options]",
    options: [
      .model, .policies(defaultPolicies), .budgets(defaultBudget),
      Option("--config", "FILE", "also draw this configuration (JSON)", repeats: true),
      Option("--prompt", "TEXT", "the prompt; '-' reads it from standard input", allowsEmpty: true),
      Option("--text", "FILE", "the prompt from a file", default: "one that the model understands"),
      .special, .chat, .system,
      Option(
        "--steps", "COUNT", "the most tokens that full attention writes",
        default: "\(Explainer.Default.steps)"),
      .chunk, .rows(), .threads,
      Option(
        "--format", Format.allCases.map(\.rawValue).joined(separator: "|"),
        "a page to look at, or text for a terminal", default: Format.html.rawValue),
      Option(
        "--out", "FILE", "where to write it; '-' prints it",
        default: "\(defaultPage); text is printed"),
    ],
    notes: """
      Full attention reads the prompt and continues it. One or two policies read the same tokens at the same
      steps. The page shows which tokens each lane has forgotten or does not read, what a policy dropped after
      each step, and the attention lost: the share of full attention's weights on tokens that the policy's
      attention cannot see.

      A policy that takes a budget is drawn once for each budget; with two policies give one budget, with two
      budgets one policy. A text has at most \(Explainer.mostTokens) tokens, steps included, and fewer with a model
      of very many lanes. A FILE of '-' is standard input.

      Without --prompt or --text the bundled model reads the prompt of a document of the tasks, which 'kvpolicy
      document --prompt' prints: it knows their language and no other. Other models read the beginning of a
      built-in story.
      """)
  static let defaultPolicies = "streamingllm,snapkv"
  static let defaultBudget = "1/4"
  static let defaultPage = "explain.html"

  /// What is written.
  enum Format: String, CaseIterable {
    case html
    case text
  }

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    try arguments.refuse("--prompt", with: "--text")
    try arguments.demand("--chat", for: "--system")
    try arguments.refuse("--special", with: "--chat")
    for option in ["--special", "--chat"] where !arguments.has("--prompt") {
      try arguments.demand("--text", for: option)
    }
    let (typed, text) = (arguments.text("--prompt"), arguments.text("--text"))
    let configurations = arguments.all("--config")
    try refuseTwoInputs([typed, text] + configurations)
    let steps = try arguments.integer("--steps", in: 1...Explainer.mostTokens)
    let (chunk, threads, rows) = (try chunk(arguments), try threads(arguments), try rows(arguments))
    let format = try arguments.choice("--format", of: Format.self) ?? .html
    // Before the model is read; shares are checked again for the prompt.
    let names = try named(arguments, tokens: Explainer.mostTokens).names
    let model = model(arguments)
    let output = try output(
      arguments.text("--out") ?? defaultOutput(format), not: [model.path, text] + configurations)
    let configured = try configuredEntries(configurations, taken: names)
    let given =
      try typed.map { $0 == "-" ? try input($0).text() : $0 }
      ?? text.map { try input($0).text() }

    let files = try open(model, writing: [output])
    let tokenizer = try files.tokenizer()
    let prompt = try prompt(given, arguments, for: files, tokenizer)
    var explainer = Explainer(
      model: LlamaModel(files, threads: threads), tokenizer: tokenizer, registry: registry)
    explainer.steps = steps ?? explainer.steps
    explainer.endTokens = Set(tokenizer.eosTokens + files.configuration.eosTokens)
    explainer.chunk = chunk
    explainer.store = StoreConfiguration(format: rows)
    (explainer.modelName, explainer.textName) = (model.name, prompt.name)
    let entries = try entries(
      named(arguments, tokens: prompt.tokens.count),
      in: cost(explainer.model.shape, explainer.store))
    try write(run(explainer, entries + configured, prompt.tokens), as: format, to: output)
  }

  /// The named policies and budgets, for a prompt of `tokens` tokens; none if only configurations
  /// are named.
  private func named(
    _ arguments: Arguments, tokens: Int
  ) throws(CommandError) -> NamedPolicies {
    let isConfigured = arguments.has("--config") && !arguments.has("--policies")
    if isConfigured {
      try arguments.demand("--policies", for: "--budget")
      return NamedPolicies(names: [], budgets: [])
    }
    return try named(
      arguments, default: ExplainCommand.defaultPolicies, budget: ExplainCommand.defaultBudget,
      tokens: tokens)
  }

  /// The path of a page in the working folder, or standard output for a text.
  private func defaultOutput(_ format: Format) -> String {
    let folder = terminal.workingFolder
    let page = ExplainCommand.defaultPage
    return format == .text ? "-" : folder == "." ? page : folder + "/" + page
  }

  private func run(
    _ explainer: Explainer, _ entries: [PolicyEntry], _ prompt: [Int]
  ) throws -> Explanation {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try explainer.run(entries, prompt: prompt) { bar.show($0) }
  }

  private func write(
    _ explanation: Explanation, as format: Format, to output: OutputFile?
  ) throws(CommandError) {
    guard let output else { return }
    let content =
      switch format {
      case .html: ExplanationPage(explanation).html
      case .text: explanation.table
      }
    if output.isStandardOutput { return try terminal.print(content) }
    try output.write(content)
    try terminal.show("The page is \(TerminalText.escaped(output.path)).\n")
  }
}

/// The prompt of an explanation.
extension ExplainCommand {
  /// Tokens of the built-in story that are a prompt.
  private static let storyTokens = 256
  /// Tokens of the document of the tasks whose prompt is the default, as in 'kvpolicy document'.
  private static let documentTokens = DocumentCommand.defaultTokens

  private static let foreign =
    "the model speaks the language of the tasks and the prompt does not, so what it writes means "
    + "little; without --prompt and --text it reads a document of the tasks"

  /// Encodes a given text, or else chooses one that the model understands.
  private func prompt(
    _ given: String?, _ arguments: Arguments, for files: ModelFiles, _ tokenizer: Tokenizer
  ) throws -> (tokens: [Int], name: String) {
    guard let given else {
      guard TaskLanguage.isSpoken(by: files) else {
        let story = tokenizer.begun(tokenizer.encode(BuiltInText.story, parseSpecial: false))
        return (
          Array(story.prefix(ExplainCommand.storyTokens)), "the beginning of a built-in story"
        )
      }
      let document = try TaskComparison.document(
        0, seed: TaskComparison.Default.seed, TaskComparison.Default.kind,
        tokens: ExplainCommand.documentTokens)
      return (Array(document.prompt), "a document of the tasks")
    }
    let path = arguments.text("--text") ?? "-"
    let isTyped = arguments.has("--prompt") && arguments.text("--prompt") != "-"
    let prompt = try Prompt(
      given, isFile: !isTyped, arguments, special: findsSpecial(arguments), for: files,
      tokenizer: tokenizer)
    if prompt.isForeign { terminal.note(ExplainCommand.foreign) }
    return (prompt.tokens, isTyped ? "from the command line" : input(path).name)
  }
}
