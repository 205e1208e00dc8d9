import Evaluation
import Foundation
import KVPolicyKit
import ReferenceModel
import Reporting

/// `kvpolicy generate`.
struct GenerateCommand: Command {
  static let syntax = Syntax(
    name: "generate", summary: "continue a prompt, with the cache under a policy",
    usage: "[--model PATH] --prompt TEXT [options]",
    options: [
      .model,
      Option(
        "--prompt", "TEXT", "the prompt; '-' reads it from standard input", allowsEmpty: true),
      .special,
      .chat, .system,
      Option("--policy", "NAME", "the policy", default: Comparison.reference.main.policy),
      Option(
        "--budget", "BUDGET", "what --policy may keep: rows (512), bytes (1MiB), share (1/4)",
        default: "its own"),
      Option("--config", "FILE", "the policy's configuration instead (JSON)"),
      Option(
        "--max-tokens", "COUNT", "the most tokens to generate", default: "\(defaultTokens)"),
      Option(
        "--temperature", "NUMBER", "how freely to choose; 0 for greedy",
        default: Sampler.greedy.temperature.formatted()),
      Option("--top-k", "COUNT", "choose among the k most likely", default: "all"),
      Option(
        "--top-p", "SHARE", "among those that together reach this probability",
        default: Sampler.Default.topP.formatted()),
      Option(
        "--min-p", "SHARE", "among those this likely, relative to the likeliest",
        default: Sampler.Default.minP.formatted()),
      Option("--seed", "NUMBER", "seed of the sampled tokens", default: "\(Sampler.Default.seed)"),
      .chunk, .rows(), .threads, .arithmetic,
      Option(flag: "--quiet", "print the text only"),
    ],
    notes: """
      The text is printed as it comes; what the cache held is printed to standard error at the end.
      A terminal shows control characters of the text as escapes, other than line ends and tabs; a pipe
      or a file gets them as they are. One line end at the end of a prompt from standard input is left
      out, except in the language of the tasks, where it is a word.

      With '--special yes' the text of a special token in the prompt, such as <|im_end|>, is read as that
      token; otherwise its letters are. A conversation (--chat) always has its special tokens.

      The bundled model knows that language and no other. To see it answer:

          kvpolicy document --prompt | kvpolicy generate --model bundled --prompt -
      """)
  private static let defaultTokens = 128

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    try refuseTwoInputs([arguments.text("--prompt"), arguments.text("--config")])
    let limit =
      try arguments.integer("--max-tokens", in: 1...1 << 24) ?? GenerateCommand.defaultTokens
    let (chunk, threads) = (try chunk(arguments), try threads(arguments))
    let arithmetic = try arithmetic(arguments)
    let format = try rows(arguments)
    let sampler = try sampler(arguments)
    try arguments.demand("--chat", for: "--system")
    try arguments.refuse("--special", with: "--chat")
    let special = try findsSpecial(arguments)
    let named = model(arguments)
    // Before the model is read; a share is checked against the longest of prompts.
    let early = try chosenConfiguration(arguments, tokens: Amount.legalRows.upperBound, in: nil)
    let typed = try typed(arguments.required("--prompt"))

    let files = try open(named, writing: [])
    let tokenizer = try files.tokenizer()
    let prompt = try Prompt(
      typed, isFile: arguments.text("--prompt") == "-", arguments, special: special, for: files,
      tokenizer: tokenizer)
    if prompt.isForeign { terminal.note(GenerateCommand.foreign) }
    let model = LlamaModel(files, threads: threads, arithmetic: arithmetic)
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: format))
    let configuration =
      arguments.has("--budget")
      ? try chosenConfiguration(
        arguments, tokens: prompt.tokens.count, in: cost(model.shape, store.configuration))
      : early
    let session = try model.makeSession(configuration, registry: registry, in: store)
    var generation = Generation(
      session: session, tokenizer: tokenizer, sampler: sampler,
      endTokens: Set(tokenizer.eosTokens + files.configuration.eosTokens))
    try generation.read(prompt.tokens, chunk: chunk)
    try generation.write(atMost: limit) { text throws(CommandError) in
      try terminal.print(
        terminal.isOutputInteractive ? TerminalText.escaped(text, keeping: "\n\t") : text)
    }
    try terminal.print("\n")
    if let reason = generation.stopReason { terminal.note(reason) }
    if !arguments.has("--quiet") {
      terminal.writeError(generation.summary(configuration.main.policy))
    }
  }

  private static let foreign =
    "the model speaks the language of the tasks and the prompt does not, so the answer means "
    + "little; 'kvpolicy document --prompt' prints a prompt, which '--prompt -' reads"

  /// The configuration that the command line chooses, for a prompt of `tokens` tokens.
  ///
  /// - Parameter cost: the price of rows; without it, a budget in bytes is not spent.
  private func chosenConfiguration(
    _ arguments: Arguments, tokens: Int, in cost: RowCost?
  ) throws -> PolicyConfiguration {
    try arguments.refuse("--config", with: "--policy", "--budget")
    try arguments.demand("--policy", for: "--budget")
    if let path = arguments.text("--config") { return try configuration(path) }
    let name = arguments.text("--policy") ?? Comparison.reference.main.policy
    guard let text = arguments.text("--budget") else {
      _ = try CommandError.fromArguments { () throws(PolicyError) in
        try registry.type(named: name)
      }
      return PolicyConfiguration(name)
    }
    let budget = try arguments.given(text, "--budget", tokens: tokens)
    guard let entry = try entry(name, budget: budget, in: cost) else {
      return PolicyConfiguration(name)
    }
    guard entry.takesBudget == true else {
      throw CommandError.usage("\(name): it takes no budget; leave --budget out")
    }
    return entry.configuration
  }

  private func sampler(_ arguments: Arguments) throws -> Sampler {
    let temperature =
      try arguments.number("--temperature", "of 0 or more", where: { $0 >= 0 && $0 <= 1e6 })
      .map { Float($0) } ?? Sampler.greedy.temperature
    for name in ["--top-k", "--top-p", "--min-p"] where temperature == 0 && arguments.has(name) {
      terminal.note("\(name) has no effect at a temperature of 0")
    }
    return try Sampler(
      temperature: temperature,
      topK: arguments.integer("--top-k", in: 1...1 << 30) ?? Sampler.Default.topK,
      topP: arguments.number("--top-p", "above 0 and at most 1", where: { $0 > 0 && $0 <= 1 })
        .map { Float($0) } ?? Sampler.Default.topP,
      minP: arguments.number("--min-p", "from 0 to 1", where: { $0 >= 0 && $0 <= 1 })
        .map { Float($0) } ?? Sampler.Default.minP,
      seed: arguments.integer("--seed", in: 0...(.max)).map { UInt64($0) } ?? Sampler.Default.seed)
  }

  /// The text of the prompt: `word` itself, or standard input for `-`.
  private func typed(_ word: String) throws(CommandError) -> String {
    word == "-" ? try input(word).text() : word
  }
}
