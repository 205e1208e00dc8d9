import KVPolicyKit
import ReferenceModel

/// Runs the same prompt and the same forced continuation under several policies. Measures what each
/// policy keeps, what it costs, and how far it moves the model's predictions from those of full
/// attention.
///
/// Full attention always runs first, as the reference, and in exact arithmetic. If the model's
/// arithmetic is not exact, the reference becomes the first measurement, and full attention can
/// also be an entry. Every policy gets its own store.
///
/// ```swift
/// let comparison = Comparison(model: model, registry: .all)
/// let result = try comparison.run([.init(PolicyConfiguration("h2o"))], tokens: tokens)
/// print(result.table)
/// ```
///
/// An entry named `oracle` runs ``FutureAttention``, which has seen the continuation: a ceiling.
/// Full attention then reads the text once more before the entries, to note its weights.
public struct Comparison {
  /// The configuration of the reference.
  public static let reference = PolicyConfiguration("full")

  /// The model that runs.
  public let model: LlamaModel
  /// The policies that entries can name; `full` must be one of them.
  public let registry: PolicyRegistry
  /// Prompt tokens: the first tokens of the text.
  public var promptTokens = Default.promptTokens
  /// Tokens of the forced continuation, which follow the prompt in the text.
  public var decodeTokens = Default.decodeTokens
  /// Prompt tokens that go through a layer together.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored.
  public var store = StoreConfiguration()
  /// Whether errors of the attention output and overlaps of what is kept are measured too. It takes
  /// a little of the decode time, and memory for full attention's outputs of all steps.
  public var measuresFidelity = false
  /// The model's name in the result.
  public var modelName = ""
  /// The text's name in the result.
  public var textName = ""

  /// The default settings.
  public enum Default {
    /// Tokens of the prompt.
    public static let promptTokens = 768
    /// Tokens of the forced continuation.
    public static let decodeTokens = 256
  }

  /// A comparison with the default sizes.
  public init(model: LlamaModel, registry: PolicyRegistry) {
    self.model = model
    self.registry = registry
  }

  /// Runs every entry.
  ///
  /// - Parameters:
  ///   - entries: the policies to compare. An entry that equals the reference is not run a second
  ///     time.
  ///   - tokens: the text; the first `promptTokens + decodeTokens` are used.
  ///   - progress: called now and then; run 0 is the reference.
  /// - Throws: `ModelError.request` for sizes that the text or the model cannot serve,
  ///   `PolicyError` for a bad configuration; both before anything runs. `StoreError` if the cache
  ///   outgrows its limit.
  public func run(
    _ entries: [PolicyEntry], tokens: [Int], progress: (RunProgress) -> Void = { _ in }
  ) throws -> ComparisonReport {
    try checkConfigurations(entries)
    let text = try checkedText(tokens)
    try warmUp(text)
    let isExact = model.arithmetic == .exact
    let needsFuture = entries.contains(where: FutureAttention.isNamed)
    let runs = entries.count(where: { !isReference($0) }) + (needsFuture ? 2 : 1)
    let exact = isExact ? model : LlamaModel(model, arithmetic: .exact)
    var full = PolicyRun(
      comparison: self, model: exact,
      entry: PolicyEntry(Comparison.reference, label: isExact ? nil : "full, exact"), text: text,
      place: (0, runs))
    var recorded = RecordedLogits(steps: decodeTokens, vocabulary: model.configuration.vocabulary)
    let reference = try full.measure(.recording, &recorded, progress: progress)
    var measured = isExact ? [] : [reference]
    var observed = isExact ? [] : [full.observed]
    let future = needsFuture ? try lookAhead(exact, text, runs: runs, progress: progress) : nil
    var place = needsFuture ? 1 : 0
    for entry in entries {
      if isReference(entry) {
        measured.append(reference.presented(as: entry))
        observed.append(full.observed)
        continue
      }
      place += 1
      var run = PolicyRun(
        comparison: self, model: model, entry: entry, text: text, place: (place, runs))
      run.future = FutureAttention.isNamed(by: entry) ? future : nil
      run.referenceOutputs = full.meter?.recorded
      let measurement = try run.measure(.comparing, &recorded, progress: progress)
      measured.append(measurement.relative(to: reference))
      observed.append(run.observed)
    }
    var report = result(measured)
    if measuresFidelity { report.fidelity = ComparisonFidelity(observed.compactMap(\.self)) }
    return report
  }

  /// Full attention's weights of the steps to come.
  private func lookAhead(
    _ model: LlamaModel, _ text: [Int], runs: Int, progress: (RunProgress) -> Void
  ) throws -> FutureMasses {
    let session = model.makeSession(
      try PagedKVStore(shape: model.shape, configuration: store)
        .makeSequence(PolicyAssignment(FullWeights(model.shape), shape: model.shape)))
    func report(_ tokens: Int) {
      progress(
        RunProgress(
          label: "full, for the oracle", run: 1, runs: runs, tokens: tokens,
          totalTokens: text.count))
    }
    report(0)
    try session.prefill(Array(text[..<promptTokens]), chunk: chunk)
    return try FutureMasses(model.shape, steps: decodeTokens, tokens: text.count) { step in
      if step % 8 == 0 { report(promptTokens + step) }
      try session.decode(text[promptTokens + step])
      return (session.sequence.policy(ofLayer: 0) as? FullWeights)?.weights ?? []
    }
  }

  /// Whether a run of `entry` would repeat the reference.
  private func isReference(_ entry: PolicyEntry) -> Bool {
    model.arithmetic == .exact && entry.configuration == Comparison.reference
  }

  /// The part of the text that is used, or an error for impossible sizes.
  private func checkedText(_ tokens: [Int]) throws(ModelError) -> [Int] {
    guard promptTokens > 0, decodeTokens > 0 else {
      throw .request("a comparison needs at least 1 prompt token and 1 decode token")
    }
    let (needed, overflow) = promptTokens.addingReportingOverflow(decodeTokens)
    guard !overflow, needed <= tokens.count else {
      throw .request(
        "the text has \(tokens.count) tokens, and \(promptTokens) prompt tokens with "
          + "\(decodeTokens) decode tokens need more; give a longer text or ask for fewer")
    }
    let context = model.configuration.contextLength
    guard needed <= context else {
      throw .request(
        "\(needed) tokens are more than the model's context of \(context); ask for fewer")
    }
    return Array(tokens.prefix(needed))
  }

  /// Makes every policy once and discards it, so that mistakes are found before the first run.
  private func checkConfigurations(_ entries: [PolicyEntry]) throws {
    for entry in entries where FutureAttention.isNamed(by: entry) {
      _ = try FutureAttention(entry.configuration, nil)
    }
    let others = entries.filter { !FutureAttention.isNamed(by: $0) }
    for configuration in [Comparison.reference] + others.map(\.configuration) {
      _ = try configuration.makePolicies(
        registry, shape: model.shape, model: model.identity, store: store)
    }
    _ = try PagedKVStore(shape: model.shape, configuration: store)
  }

  /// Reads a few tokens, so that the first measured run does not pay for loading the weights.
  private func warmUp(_ text: [Int]) throws {
    let session = try model.makeSession(
      Comparison.reference, registry: registry,
      in: PagedKVStore(shape: model.shape, configuration: store))
    try session.prefill(Array(text.prefix(2)), chunk: chunk)
    try session.decode(text[0])
  }

  private func result(_ policies: [PolicyMeasurement]) -> ComparisonReport {
    ComparisonReport(
      model: modelName, text: textName, promptTokens: promptTokens, decodeTokens: decodeTokens,
      chunk: chunk, rowFormat: store.format, pageRows: store.pageRows, threads: model.threads,
      arithmetic: model.arithmetic, layers: model.shape.layers, keyHeads: model.shape.keyHeads,
      policies: policies)
  }
}
