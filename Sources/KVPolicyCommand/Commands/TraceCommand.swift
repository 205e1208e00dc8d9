import Evaluation
import KVPolicyKit
import ReferenceModel
import Reporting

/// `kvpolicy trace`.
struct TraceCommand: Command {
  static let syntax = Syntax(
    name: "trace", summary: "record what a policy keeps at every step of forced tokens",
    usage:
      "[--model PATH] --tokens FILE --prompt-length COUNT --config FILE --json FILE [options]\n"
      + "--case FILE [--root FOLDER] --json FILE [options]",
    options: [
      .model,
      Option("--tokens", "FILE", #"a JSON array of tokens, or an object with "tokens""#),
      Option("--prompt-length", "COUNT", "how many of them are the prompt"),
      Option("--config", "FILE", "the policy's configuration (JSON)"),
      Option("--case", "FILE", "all of these from one JSON object"),
      Option("--root", "FOLDER", "where a case's model is looked for", default: defaultRoot),
      .chunk, .rows(defaultRows), .threads,
      Option("--json", "FILE", "write what was kept; '-' prints it"),
      Option("--logits", "FILE", "write the logits as safetensors"),
    ],
    notes: """
      The prompt goes through the model in chunks, the tokens after it one by one. The JSON has, under
      "kept", for step 0 (after the prompt) and every later step the original positions that each lane
      holds, by layer and key head. The tensor "logits" has a row for each of those steps.

      A case has "model", "tokens", "prompt_length" and "config". One that has only "model" and
      "tokens" reads them all at once without a policy, and records the logits of every token.
      A FILE of '-' is standard input.
      """)
  private static let defaultRoot = "."
  private static let defaultRows = RowFormat.f32

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let inputs = ["--tokens", "--config", "--case"].map { arguments.text($0) }
    try refuseTwoInputs(inputs)
    let (chunk, threads) = (try chunk(arguments), try threads(arguments))
    let rows = try rows(arguments, default: TraceCommand.defaultRows)
    let request = try request(arguments)
    guard arguments.has("--json") || arguments.has("--logits") else {
      throw CommandError.usage("--json is missing; the command needs it, or --logits")
    }
    let read = inputs + [request.model.path]
    let json = try output(arguments.text("--json"), not: read)
    let logits = try output(arguments.text("--logits"), not: read)
    if let json, let logits, json.isSame(as: logits.path) {
      throw CommandError.usage("--json and --logits are the same file; name two")
    }
    if logits?.isStandardOutput == true {
      throw CommandError.usage("--logits cannot be '-'; name a file")
    }

    let model = LlamaModel(try open(request.model), threads: threads)
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: rows))
    let session = try model.makeSession(request.configuration, registry: registry, in: store)
    let trace =
      if let length = request.promptLength {
        try Trace(
          session, tokens: request.tokens, promptLength: length, chunk: chunk,
          keepsLogits: logits != nil)
      } else {
        try Trace(allAtOnce: session, tokens: request.tokens)
      }
    try logits?.write(trace.safetensors)
    try json?.write(trace.json(configuration: request.configuration))
    if json?.isStandardOutput != true { try terminal.print(summary(trace, request)) }
  }

  private func summary(_ trace: Trace, _ request: TraceRequest) -> String {
    let statistics = trace.statistics
    let rows = Quantities.range(statistics.shortestLane, statistics.longestLane)
    return TerminalText.wrapped(
      "\(request.configuration.main.policy): \(trace.promptLength) prompt tokens, "
        + "\(trace.steps) steps; \(rows) rows per lane, "
        + "footprint\(TerminalText.bond)\(Quantities.percent(statistics.footprint))") + "\n"
  }

  private func request(_ arguments: Arguments) throws -> TraceRequest {
    if let path = arguments.text("--case") {
      try arguments.refuse("--case", with: "--model", "--tokens", "--prompt-length", "--config")
      return try TraceRequest(
        case: input(path), root: arguments.text("--root") ?? TraceCommand.defaultRoot)
    }
    try arguments.demand("--case", for: "--root")
    let tokens = try arguments.required("--tokens")
    _ = try arguments.required("--prompt-length")
    let length = try arguments.integer("--prompt-length", in: 1...1 << 24)
    let configuration = try configuration(arguments.required("--config"))
    return TraceRequest(
      model: model(arguments), tokens: try TokenList.tokens(of: input(tokens)),
      promptLength: length,
      configuration: configuration)
  }
}
