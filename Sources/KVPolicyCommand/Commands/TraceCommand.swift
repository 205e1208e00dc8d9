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
      holds, by layer and key head; and the same for "chunk1" and so on, if the policy forgets after
      every chunk of the prompt. Under "read" it has the positions that every step read, if the policy
      reads a part of what it holds: by layer and key head, or query head; null for all. The tensor "logits" has a row for each step.

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
    if let json, let logits, json.isSame(as: logits) {
      throw CommandError.usage("--json and --logits are the same file; name two")
    }
    if logits?.isStandardOutput == true {
      throw CommandError.usage("--logits cannot be '-'; name a file")
    }

    let model = LlamaModel(try open(request.model, writing: [json, logits]), threads: threads)
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: rows))
    let session = try model.makeSession(request.configuration, registry: registry, in: store)
    let run =
      if let length = request.promptLength {
        try TraceRun(session, tokens: request.tokens, promptLength: length, chunk: chunk)
      } else {
        try TraceRun(allAtOnce: session, tokens: request.tokens)
      }
    if let warning = run.warning { terminal.note(warning) }
    let statistics = try record(run, request.configuration, json: json, logits: logits, model)
    if json?.isStandardOutput != true { try terminal.show(summary(run, statistics, request)) }
  }

  /// Runs, and writes what is kept at each moment as it comes, so that memory does not grow with the
  /// file.
  private func record(
    _ run: TraceRun, _ configuration: PolicyConfiguration, json: OutputFile?, logits: OutputFile?,
    _ model: LlamaModel
  ) throws -> CacheStatistics {
    let text = TraceText(
      configuration: configuration, promptLength: run.promptLength, steps: run.steps)
    let states = try json.map { try OutputWriter($0) }
    let values = try logits.map { try OutputWriter($0) }
    try states?.write(text.head)
    let shape = [run.logitRows, model.configuration.vocabulary]
    try values?.write(SafetensorsFile.header(of: [("logits", shape)]))
    var (chunk, step) = (0, 0)
    // What steps read comes after what all of them kept, so it waits in memory.
    var reads: [UInt8] = []
    let statistics = try run.start(
      chunk: { lanes in
        chunk += 1
        try states?.write(text.state(lanes, chunk: chunk))
      },
      kept: { lanes in
        try states?.write(text.state(lanes, step: step, follows: chunk > 0))
        step += 1
      },
      read: { layers in
        if states != nil { reads += text.read(layers, step: step - 1) }
      },
      logits: values.map { values in
        { row in
          try values.write(RowFormat.f32.bytes(of: (0..<row.count).map { row[$0] }))
        }
      })
    try states?.write(text.middle(reads))
    try states?.write(text.tail(statistics))
    try values?.finish()
    try states?.finish()
    return statistics
  }

  private func summary(
    _ run: TraceRun, _ statistics: CacheStatistics, _ request: TraceRequest
  ) -> String {
    let rows = Quantities.range(statistics.shortestLane, statistics.longestLane)
    return TerminalText.wrapped(
      "\(TerminalText.escaped(request.configuration.main.policy)): \(run.promptLength) prompt "
        + "tokens, \(run.steps) steps; \(rows) rows per lane, "
        + "footprint\(TerminalText.bond)\(Quantities.percent(statistics.footprint))") + "\n"
  }

  private func request(_ arguments: Arguments) throws -> TraceRequest {
    if let path = arguments.text("--case") {
      try arguments.refuse("--case", with: "--model", "--tokens", "--prompt-length", "--config")
      var request = try TraceRequest(
        case: input(path), root: arguments.text("--root") ?? TraceCommand.defaultRoot)
      do {
        request.configuration = try locating(request.configuration, namedBy: path)
      } catch {
        throw CommandError.failure("\(input(path).name): \(error)")
      }
      return request
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
