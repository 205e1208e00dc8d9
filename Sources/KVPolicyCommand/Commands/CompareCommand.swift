import Evaluation
import Foundation
import KVPolicyKit
import ReferenceModel

/// `kvpolicy compare`.
struct CompareCommand: Command {
  static let syntax = Syntax(
    name: "compare", summary: "run the same text under several policies and compare them",
    usage: "[--model PATH] [options]",
    options: [
      Option(
        "--model", "PATH", "a GGUF file or a Hugging Face folder",
        standard: "$KVPOLICY_MODEL or Models/*.gguf"),
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
      .threads,
      Option("--json", "FILE", "write the results as JSON; '-' prints them instead"),
      Option("--csv", "FILE", "write the results as CSV; '-' prints them instead"),
    ],
    notes: """
      Every policy reads the first tokens of the text as its prompt and is then given the tokens that
      follow, one by one, whatever it would have said itself. Full attention always runs first: it is
      what the others are compared with. A FILE of '-' is standard input.
      """)
  static let standardPolicies = "full,streamingllm,h2o,snapkv,morphkv"

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let text = arguments.text("--text")
    let configurations = arguments.all("--config")
    try refuseTwoInputs([text] + configurations)
    let sizes = try Sizes(arguments)
    let threads = try threads(arguments)
    var entries = try namedEntries(arguments)
    let path = try modelPath(arguments)
    let inputs = [path, text] + configurations
    let json = try output(arguments.text("--json"), not: inputs)
    let csv = try output(arguments.text("--csv"), not: inputs)
    if let json, let csv, json.isSame(as: csv.path) {
      throw CommandError.usage("--json and --csv are the same file; name two")
    }
    for file in configurations {
      entries.append(Comparison.Entry(try configuration(file), label: label(file, in: entries)))
    }
    let story = try text.map { try input($0).text() } ?? BuiltInText.story

    let files = try ModelFiles.open(path)
    let tokenizer = try files.tokenizer()
    let bos = tokenizer.addsBOS ? tokenizer.bosToken.map { [$0] } ?? [] : []
    var comparison = Comparison(
      model: LlamaModel(files, threads: threads), registry: registry)
    sizes.set(&comparison)
    comparison.modelName = URL(fileURLWithPath: path).lastPathComponent
    comparison.textName = text.map { $0 == "-" ? "standard input" : $0 } ?? BuiltInText.name
    try write(
      try measure(
        comparison, entries, tokens: bos + tokenizer.encode(story, parseSpecial: false)),
      json: json, csv: csv)
  }

  /// Files first: they must not be lost because nobody reads the table to its end.
  private func write(
    _ report: ComparisonReport, json: OutputFile?, csv: OutputFile?
  ) throws {
    let files = [(json, try report.json()), (csv, report.csv)]
    for case (let file?, let content) in files where !file.isStandardOutput {
      try file.write(content)
    }
    let printed = files.first { $0.0?.isStandardOutput == true }?.1
    try terminal.print(printed ?? report.table)
  }

  private func measure(
    _ comparison: Comparison, _ entries: [Comparison.Entry], tokens: [Int]
  ) throws -> ComparisonReport {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try comparison.run(entries, tokens: tokens) { bar.show($0) }
  }

  private func modelPath(_ arguments: Arguments) throws(CommandError) -> String {
    if let path = arguments.text("--model") { return path }
    return try ModelAtHand.path(terminal)
  }

  /// The policies named on the command line, each with the settings that spend the budget.
  private func namedEntries(_ arguments: Arguments) throws(CommandError) -> [Comparison.Entry] {
    let budget = try arguments.integer("--budget", in: 1...1 << 30) ?? 256
    let list = arguments.text("--policies") ?? CompareCommand.standardPolicies
    var entries: [Comparison.Entry] = []
    for name in list.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      let name = name.trimmingCharacters(in: .whitespaces)
      guard !name.isEmpty else {
        throw .usage("--policies '\(list)' has an empty name; write names with commas between")
      }
      guard !entries.contains(where: { $0.label == name }) else {
        throw .usage("--policies names '\(name)' twice")
      }
      let configuration = try CommandError.fromArguments { () throws(PolicyError) in
        PolicyConfiguration(name, try registry.type(named: name).settings(budget: budget))
      }
      entries.append(Comparison.Entry(configuration))
    }
    return entries
  }

  /// What a configuration's row is called: its file's name, numbered if that is taken.
  private func label(_ path: String, in entries: [Comparison.Entry]) -> String {
    let name =
      path == "-"
      ? "stdin" : URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    var (label, number) = (name, 1)
    while entries.contains(where: { $0.label == label }) {
      number += 1
      label = "\(name)-\(number)"
    }
    return label
  }
}

extension CompareCommand {
  /// The numbers of a comparison.
  private struct Sizes {
    let prompt: Int
    let decode: Int
    let chunk: Int
    let store: StoreConfiguration

    init(_ arguments: Arguments) throws(CommandError) {
      prompt = try arguments.integer("--prompt-tokens", in: 1...1 << 24) ?? 768
      decode = try arguments.integer("--decode-tokens", in: 1...1 << 24) ?? 256
      chunk = try arguments.integer("--chunk", in: 1...65_536) ?? 512
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
