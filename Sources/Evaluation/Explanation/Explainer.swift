public import KVPolicyKit
public import ReferenceModel
import Reporting

/// Lets full attention continue a prompt and gives the same tokens to one or two policies, step by
/// step beside full attention, to see what they forget and how much of its weights they lose.
///
/// ```swift
/// let files = try BundledModel.open()
/// let explainer = Explainer(
///   model: LlamaModel(files), tokenizer: try files.tokenizer(), registry: .all)
/// let snapkv = PolicyConfiguration("snapkv", try SnapKV.settings(budget: .rows(64)) ?? [:])
/// let explanation = try explainer.run([.init(snapkv, budget: 64)], prompt: prompt)
/// try ExplanationPage(explanation).html
///   .write(toFile: "explain.html", atomically: true, encoding: .utf8)
/// ```
public struct Explainer {
  /// The most tokens of a text, prompt and steps together.
  public static let mostTokens = 1024
  /// The most policies.
  public static let mostPolicies = 2
  /// The most lanes times tokens of a text, so that a page stays small.
  public static let mostCells = 1 << 17

  /// The model that runs.
  public let model: LlamaModel
  /// The model's tokenizer.
  public let tokenizer: Tokenizer
  /// The policies that entries can name.
  public let registry: PolicyRegistry
  /// The most tokens that full attention writes.
  public var steps = Default.steps
  /// Tokens after which full attention writes no more.
  public var endTokens: Set<Int> = []
  /// Prompt tokens that go through a layer together.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored.
  public var store = StoreConfiguration()
  /// The model's name in the result.
  public var modelName = ""
  /// The text's name in the result.
  public var textName = ""

  /// The default settings.
  public enum Default {
    /// The most tokens that full attention writes.
    public static let steps = 128
  }

  /// An explainer with the default settings.
  public init(model: LlamaModel, tokenizer: Tokenizer, registry: PolicyRegistry) {
    self.model = model
    self.tokenizer = tokenizer
    self.registry = registry
  }

  /// Runs full attention and the entries, all in the same steps.
  ///
  /// - Parameters:
  ///   - entries: one or two policies.
  ///   - prompt: the prompt.
  ///   - progress: called now and then.
  /// - Throws: `ModelError.request` for a text, a number of steps or a number of policies that is
  ///   out of bounds, and `PolicyError` for a bad configuration, before anything runs;
  ///   `SessionError` if the cache outgrows its limit.
  public func run(
    _ entries: [PolicyEntry], prompt: [Int], progress: (RunProgress) -> Void = { _ in }
  ) throws -> Explanation {
    try check(prompt)
    try check(entries)
    let full = model.makeSession(
      try PagedKVStore(shape: model.shape, configuration: store)
        .makeSequence(PolicyAssignment(FullWeights(model.shape), shape: model.shape)))
    let runs = try entries.map { entry in
      let store = try PagedKVStore(shape: model.shape, configuration: store)
      return WatchedRun(
        entry, try model.makeSession(entry.configuration, registry: registry, in: store),
        tokens: prompt.count + steps)
    }
    func report(_ tokens: Int) {
      progress(
        RunProgress(
          label: "explain", run: 0, runs: 1, tokens: tokens, totalTokens: prompt.count + steps))
    }
    report(0)
    try full.prefill(prompt, chunk: chunk)
    for run in runs { try run.read(prompt: prompt, chunk: chunk) }
    var written: [Int] = []
    while written.count < steps, !(written.last.map(endTokens.contains) ?? false) {
      report(prompt.count + written.count)
      let token = Sampler.largest(full.logits)
      try full.decode(token)
      let weights = (full.sequence.policy(ofLayer: 0) as? FullWeights)?.weights ?? []
      for run in runs { try run.read(token, weights) }
      written.append(token)
    }
    return try explanation(prompt, written, runs)
  }

  private func explanation(
    _ prompt: [Int], _ written: [Int], _ runs: [WatchedRun]
  ) throws(ModelError) -> Explanation {
    let words = try words(prompt + written)
    return Explanation(
      model: modelName, text: textName, layers: model.shape.layers,
      keyHeads: model.shape.keyHeads, queryHeads: model.shape.queryHeads,
      promptLength: prompt.count, tokens: words,
      runs: runs.map { run in
        run.result(forced: written) { token in
          // Logits have an entry for every token of the model, and each of these has a text.
          shown((try? tokenizer.decode([token])) ?? "")
        }
      })
  }

  /// The text of each token.
  private func words(_ tokens: [Int]) throws(ModelError) -> [String] {
    var stream = tokenizer.makeStream(skipSpecial: false)
    var words: [String] = []
    for token in tokens { words.append(try stream.push(token)) }
    if let last = words.popLast() { words.append(last + stream.finish()) }
    return words.map(shown)
  }

  private func shown(_ text: String) -> String { TerminalText.escaped(text, keeping: "\n\t") }

  /// Refuses a prompt that cannot be drawn, before anything runs.
  private func check(_ prompt: [Int]) throws(ModelError) {
    guard !prompt.isEmpty else {
      throw .request("the prompt is empty; give at least one token")
    }
    guard steps > 0, chunk > 0 else {
      throw .request("an explanation needs at least 1 step and chunks of 1 token")
    }
    let context = model.configuration.contextLength
    let room = min(Explainer.mostTokens, Explainer.mostCells / model.shape.lanes)
    let most = min(room, context)
    let (tokens, overflows) = prompt.count.addingReportingOverflow(steps)
    guard !overflows, tokens <= most else {
      let reason =
        most == context
        ? "the model's context is" : "a page about \(model.shape.lanes) lanes draws at most"
      throw .request(
        "a prompt of \(prompt.count) tokens with \(steps) steps is too long: \(reason) "
          + "\(Markup.grouped(most)) tokens; shorten the prompt, or ask for fewer steps")
    }
    let vocabulary = model.configuration.vocabulary
    if let stranger = prompt.first(where: { !(0..<vocabulary).contains($0) }) {
      throw .request(
        "token \(stranger) is not in the vocabulary; tokens are 0 to \(vocabulary - 1)")
    }
  }

  /// Refuses policies that cannot be made, before anything runs.
  private func check(_ entries: [PolicyEntry]) throws {
    guard (1...Explainer.mostPolicies).contains(entries.count) else {
      throw ModelError.request(
        "\(entries.count) policies cannot be explained beside each other; name one or two")
    }
    for entry in entries {
      _ = try entry.configuration.makePolicies(
        registry, shape: model.shape, model: model.identity, store: store)
    }
    _ = try PagedKVStore(shape: model.shape, configuration: store)
  }
}
