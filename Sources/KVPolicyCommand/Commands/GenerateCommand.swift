import Evaluation
import Foundation
import KVPolicyKit
import ReferenceModel

/// `kvpolicy generate`.
struct GenerateCommand: Command {
  static let syntax = Syntax(
    name: "generate", summary: "continue a prompt, with the cache under a policy",
    usage: "[--model PATH] --prompt TEXT [options]",
    options: [
      .model,
      Option(
        "--prompt", "TEXT", "the prompt; '-' reads it from standard input", allowsEmpty: true),
      Option(flag: "--chat", "write the prompt as a turn of a conversation"),
      Option("--system", "TEXT", "what the conversation begins with", allowsEmpty: true),
      Option("--policy", "NAME", "the policy", standard: "full"),
      Option("--budget", "ROWS", "rows per lane that --policy may keep", standard: "its own"),
      Option("--config", "FILE", "the policy's configuration instead (JSON)"),
      Option("--max-tokens", "COUNT", "the most tokens to generate", standard: "128"),
      Option("--temperature", "NUMBER", "how freely to choose; 0 for greedy", standard: "0"),
      Option("--top-k", "COUNT", "choose among the k most likely", standard: "all"),
      Option(
        "--top-p", "SHARE", "among those that together reach this probability", standard: "1"),
      Option(
        "--min-p", "SHARE", "among those this likely, relative to the likeliest", standard: "0"),
      Option("--seed", "NUMBER", "of the choices", standard: "0"),
      .chunk, .rows(.f16), .threads, .arithmetic,
      Option(flag: "--quiet", "print the text only"),
    ],
    notes: """
      The text is printed as it comes; what the cache held is printed to standard error at the end.
      One line end at the end of a prompt from standard input is left out.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    try refuseTwoInputs([arguments.text("--prompt"), arguments.text("--config")])
    let limit = try arguments.integer("--max-tokens", in: 1...1 << 24) ?? 128
    let (chunk, threads) = (try chunk(arguments), try threads(arguments))
    let arithmetic = try arithmetic(arguments)
    let format = try arguments.choice("--rows", of: RowFormat.self) ?? .f16
    let sampler = try sampler(arguments)
    try arguments.demand("--chat", for: "--system")
    let named = model(arguments)
    let configuration = try chosenConfiguration(arguments)
    let prompt = try prompt(arguments.required("--prompt"))

    let files = try named.open()
    let tokenizer = try files.tokenizer()
    let tokens = try GenerateCommand.tokens(
      prompt, arguments, tokenizer: tokenizer, context: files.configuration.contextLength)
    let model = LlamaModel(files, threads: threads, arithmetic: arithmetic)
    let policies = try configuration.makePolicies(
      registry, shape: model.shape, model: model.identity)
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: format))
    let session = model.makeSession(store.makeSequence(policies))
    var generation = Generation(
      session: session, tokenizer: tokenizer, sampler: sampler,
      endTokens: Set(tokenizer.eosTokens + files.configuration.eosTokens))
    try generation.read(tokens, chunk: chunk)
    try generation.write(atMost: limit) { text throws(CommandError) in try terminal.print(text) }
    try terminal.print("\n")
    if let reason = generation.stopReason { terminal.writeError("kvpolicy: \(reason)\n") }
    if !arguments.has("--quiet") {
      terminal.writeError(generation.summary(configuration.main.policy))
    }
  }

  private func chosenConfiguration(_ arguments: Arguments) throws -> PolicyConfiguration {
    try arguments.refuse("--config", with: "--policy", "--budget")
    try arguments.demand("--policy", for: "--budget")
    if let path = arguments.text("--config") { return try configuration(path) }
    let name = arguments.text("--policy") ?? Comparison.reference.main.policy
    let budget = try arguments.integer("--budget", in: 1...1 << 30)
    return try CommandError.fromArguments { () throws(PolicyError) in
      let type = try registry.type(named: name)
      guard let budget else { return PolicyConfiguration(name) }
      guard let settings = try type.settings(budget: .rows(budget)) else {
        throw .impossible(policy: name, reason: "it takes no budget; leave --budget out")
      }
      return PolicyConfiguration(name, settings)
    }
  }

  private func sampler(_ arguments: Arguments) throws -> Sampler {
    let temperature =
      try arguments.number("--temperature", "of 0 or more", where: { $0 >= 0 && $0 <= 1e6 }) ?? 0
    for name in ["--top-k", "--top-p", "--min-p"] where temperature == 0 && arguments.has(name) {
      terminal.writeError("kvpolicy: \(name) has no effect at a temperature of 0\n")
    }
    return try Sampler(
      temperature: Float(temperature),
      topK: arguments.integer("--top-k", in: 1...1 << 30) ?? 0,
      topP: Float(
        arguments.number("--top-p", "above 0 and at most 1", where: { $0 > 0 && $0 <= 1 }) ?? 1),
      minP: Float(arguments.number("--min-p", "from 0 to 1", where: { $0 >= 0 && $0 <= 1 }) ?? 0),
      seed: UInt64(arguments.integer("--seed", in: 0...(.max)) ?? 0))
  }

  private func prompt(_ word: String) throws(CommandError) -> String {
    guard word == "-" else {
      // The system hands over bytes; what is not UTF-8 was replaced before we could see it.
      guard !word.unicodeScalars.contains("\u{FFFD}") else {
        throw .failure("the prompt is not UTF-8 text; give it on standard input, converted")
      }
      return word
    }
    let text = try input(word).text()
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }

  /// The prompt's tokens, as a conversation if asked for.
  private static func tokens(
    _ prompt: String, _ arguments: Arguments, tokenizer: Tokenizer, context: Int
  ) throws(ModelError) -> [Int] {
    guard !prompt.isEmpty else {
      throw .request("the prompt is empty; give at least one character")
    }
    var tokens: [Int]
    if arguments.has("--chat") {
      let system = arguments.text("--system").map { [ChatMessage.system($0)] } ?? []
      let text = try tokenizer.chatTemplate()
        .render(system + [.user(prompt)], addGenerationPrompt: true)
      tokens = tokenizer.encode(text)
    } else {
      tokens = tokenizer.encode(prompt, parseSpecial: false)
    }
    if tokenizer.addsBOS, let bos = tokenizer.bosToken, tokens.first != bos {
      tokens.insert(bos, at: 0)
    }
    guard tokens.count <= context else {
      throw .request(
        "the prompt has \(tokens.count) tokens, and the model's context is \(context); shorten it")
    }
    return tokens
  }
}
