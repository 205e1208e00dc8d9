import Evaluation
import KVPolicyKit
import MiniTasks

/// `kvpolicy document`.
struct DocumentCommand: Command {
  static let syntax = Syntax(
    name: "document", summary: "print a document of the tasks, with its true answer",
    usage: "[options]",
    options: [
      .documentKind,
      Option(
        "--tokens", "COUNT", "tokens, the true answer included", default: "\(defaultTokens)"),
      .documentSeed,
      Option("--number", "NUMBER", "which of the seed's documents", default: "\(defaultNumber)"),
      Option(flag: "--prompt", "print the first prompt only"),
    ],
    notes: """
      The documents are those of 'kvpolicy tasks'. After the line 'answer' come the words that the model must
      write, up to 'stop'. Every word is one token, and so is the end of a line.
      """)
  static let defaultTokens = 256
  private static let defaultNumber = 0

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let kind =
      try arguments.choice("--kind", of: TaskMixture.Kind.self) ?? TaskComparison.Default.kind
    let tokens =
      try arguments.integer("--tokens", in: kind.shortest...1 << 20)
      ?? DocumentCommand.defaultTokens
    let seed =
      try arguments.integer("--seed", in: TaskComparison.seeds) ?? TaskComparison.Default.seed
    let number =
      try arguments.integer("--number", in: 0...TaskComparison.documentsPerSeed - 1)
      ?? DocumentCommand.defaultNumber
    let document = try TaskComparison.document(number, seed: seed, kind, tokens: tokens)
    let shown = arguments.has("--prompt") ? Array(document.prompt) : document.tokens
    let text = try TaskVocabulary.text(of: shown)
    // A prompt gets no line end added, so that it can be piped into 'generate'.
    try terminal.print(arguments.has("--prompt") ? text : text + "\n")
  }
}

extension Option {
  static let documentKind = Option(
    "--kind", "KIND",
    "what documents ask for: " + TaskMixture.Kind.allCases.map(\.rawValue).joined(separator: ", "),
    default: TaskComparison.Default.kind.rawValue,
    offers: .words(TaskMixture.Kind.allCases.map(\.rawValue)))
  static let documentSeed = Option(
    "--seed", "NUMBER", "which documents are drawn", default: "\(TaskComparison.Default.seed)")
}
