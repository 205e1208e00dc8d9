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
      Option(
        "--policies", "NAMES", "names with commas between", standard: standardPolicies),
      Option("--budget", "ROWS", "rows per lane that each of them may keep", standard: "256"),
      Option("--config", "FILE", "also compare this configuration (JSON)", repeats: true),
      Option("--text", "FILE", "the text to read", standard: "a built-in story"),
      Option("--prompt-tokens", "COUNT", "tokens of the prompt", standard: "768"),
      Option(
        "--decode-tokens", "COUNT", "tokens of the forced continuation", standard: "256"),
      .chunk, .rows(.f16),
      Option("--page-rows", "COUNT", "rows per page: 4, 8, 16, 32 or 64", standard: "16"),
      .threads, .arithmetic, .json, .csv,
    ],
    notes: """
      Every policy reads the first tokens of the text as its prompt and is then given the tokens that
      follow, one by one, whatever it would have said itself. Full attention always runs first: it is
      what the others are compared with, in exact arithmetic whatever theirs is. A FILE of '-' is
      standard input.
      """)
  static let standardPolicies = "full,streamingllm,h2o,snapkv,morphkv"

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let text = arguments.text("--text")
    let configurations = arguments.all("--config")
    try refuseTwoInputs([text] + configurations)
    let sizes = try Sizes(arguments, chunk: chunk(arguments))
    let (threads, arithmetic) = (try threads(arguments), try arithmetic(arguments))
    let named = try namedEntries(
      arguments, standard: CompareCommand.standardPolicies, budget: 256)
    let model = model(arguments)
    let output = try ReportOutput(arguments, of: self, inputs: [model.path, text] + configurations)
    let entries =
      named + (try configuredEntries(configurations, taken: named.map(\.label)))
    let story = try text.map { try input($0).text() } ?? BuiltInText.story

    let files = try model.open()
    let tokenizer = try files.tokenizer()
    let bos = tokenizer.addsBOS ? tokenizer.bosToken.map { [$0] } ?? [] : []
    var comparison = Comparison(
      model: LlamaModel(files, threads: threads, arithmetic: arithmetic), registry: registry)
    sizes.set(&comparison)
    comparison.modelName = model.name
    comparison.textName = text.map { $0 == "-" ? "standard input" : $0 } ?? BuiltInText.name
    let report = try measure(
      comparison, entries, tokens: bos + tokenizer.encode(story, parseSpecial: false))
    try output.write(
      json: try report.json(), csv: report.csv, table: report.table, to: terminal)
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
  /// The numbers of a comparison.
  private struct Sizes {
    let prompt: Int
    let decode: Int
    let chunk: Int
    let store: StoreConfiguration

    init(_ arguments: Arguments, chunk: Int) throws(CommandError) {
      self.chunk = chunk
      prompt = try arguments.integer("--prompt-tokens", in: 1...1 << 24) ?? 768
      decode = try arguments.integer("--decode-tokens", in: 1...1 << 24) ?? 256
      let pageRows = try arguments.integer("--page-rows", in: 4...64) ?? 16
      guard pageRows.nonzeroBitCount == 1 else {
        throw .usage("--page-rows cannot be '\(pageRows)'; it must be 4, 8, 16, 32 or 64")
      }
      store = StoreConfiguration(
        pageRows: pageRows,
        format: try arguments.choice("--rows", of: RowFormat.self) ?? .f16)
    }

    func set(_ comparison: inout Comparison) {
      comparison.promptTokens = prompt
      comparison.decodeTokens = decode
      comparison.chunk = chunk
      comparison.store = store
    }
  }
}
