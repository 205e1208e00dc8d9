import KVPolicyKit
public import MiniTasks
import ReferenceModel

/// Gives the same documents of the task language to a model under several policies, lets it write
/// its own answers, and counts what it gets right.
///
/// Full attention always runs first. Every document is read and answered on one thread, with a
/// store of its own, so the report is the same for any number of threads but for its speeds.
///
/// ```swift
/// let comparison = try TaskComparison(BundledModel.open(), registry: .all)
/// let h2o = PolicyConfiguration("h2o", try H2O.settings(budget: .rows(256)) ?? [:])
/// print(try comparison.run([.init(h2o, budget: 256)]).table)
/// ```
public struct TaskComparison {
  /// The model; each of its products is computed by one thread.
  public let model: LlamaModel
  /// The policies that entries can name; `full` must be one of them.
  public let registry: PolicyRegistry
  /// Documents that each entry answers: the first ones of the seed.
  public var documents = Default.documents
  /// Which held-out documents are drawn: one of ``seeds``.
  ///
  /// No two seeds have a document in common, and none has one that models are trained on.
  public var seed = Default.seed
  /// What documents ask for: a list and answers, all in one turn, or another kind.
  public var kind = Default.kind
  /// Tokens of each document: prompts and true responses.
  public var documentTokens = Default.documentTokens
  /// Tokens of the document that the story tells. It is of kind `both`, whatever `kind` is, and
  /// chosen as ``TaskStory`` says.
  public var storyTokens = Default.storyTokens
  /// Prompt tokens that go through a layer together.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored.
  public var store = StoreConfiguration()
  /// Documents that are read at the same time, each by a thread of its own.
  public var threads = LlamaModel.defaultThreads
  /// What the report calls the model.
  public var modelName = ""

  /// What holds where nothing else is set.
  public enum Default {
    /// Documents that each entry answers.
    public static let documents = 16
    /// Which held-out documents are drawn.
    public static let seed = 0
    /// What documents ask for.
    public static let kind = TaskMixture.Kind.both
    /// Tokens of each document.
    public static let documentTokens = 2048
    /// Tokens of the document that the story tells: as many as fit a page.
    public static let storyTokens = 448
  }

  /// The seeds there are.
  public static let seeds = 0...65_535
  /// Documents of each seed.
  public static let documentsPerSeed = 65_536

  /// Tokens beyond the true response's length after which an answer is cut off. Nothing that is
  /// written there can be right any more, but for an answer with a few words too many before it.
  static let margin = 16

  /// A comparison with the default sizes.
  ///
  /// - Throws: `ModelError.request` for a model that does not know the language, `ModelError.tokenizer` for
  ///   one whose tokenizer cannot be read.
  public init(_ files: ModelFiles, registry: PolicyRegistry) throws(ModelError) {
    try TaskLanguage.check(files)
    model = LlamaModel(files, threads: 1)
    self.registry = registry
  }

  /// Gives every entry the documents.
  ///
  /// - Parameters:
  ///   - entries: what to compare. Full attention is not run a second time; under another label it
  ///     has a measurement of its own all the same.
  ///   - story: the entries that tell the story after full attention, with budgets for its document; if
  ///     there are none, the report has no story.
  ///   - progress: called now and then, on the caller's thread; run 0 is full attention.
  /// - Throws: `ModelError.request` or `TaskError` for sizes that the model or the language cannot serve,
  ///   `PolicyError` for a configuration; all before anything runs. `StoreError` if a cache outgrows its
  ///   limit.
  public func run(
    _ entries: [PolicyEntry], story: [PolicyEntry] = [], progress: (RunProgress) -> Void = { _ in }
  ) throws -> TaskReport {
    let entries = TaskComparison.withReference(entries)
    try check(entries + story, longest: max(documentTokens, story.isEmpty ? 0 : storyTokens))
    let documents = try (0..<documents).map { try document($0, kind, tokens: documentTokens) }
    let candidates = try story.isEmpty ? [] : storyCandidates()
    let team = ThreadTeam(threads: max(1, min(threads, documents.count)))
    // The first measured document must not pay for bringing the weights in.
    try model.makeSession(
      entries[0].configuration, registry: registry,
      in: PagedKVStore(shape: model.shape, configuration: store)
    ).prefill(Array(documents[0].prompt), chunk: chunk)
    let measured = try measure(entries, documents, team, progress: progress)
    return TaskReport(
      model: modelName, documents: documents.count, kind: kind.rawValue, seed: seed,
      documentTokens: documentTokens,
      responseTokens: TaskRun.longestResponse(documents), rowFormat: store.format,
      pageRows: store.pageRows, threads: team.threads, layers: model.shape.layers,
      keyHeads: model.shape.keyHeads, policies: measured,
      story: try candidates.isEmpty
        ? nil : tell(candidates, TaskComparison.withReference(story), team))
  }

  /// Measures the entries, the first of which is full attention.
  private func measure(
    _ entries: [PolicyEntry], _ documents: [TaskDocument], _ team: ThreadTeam,
    progress: (RunProgress) -> Void
  ) throws -> [TaskMeasurement] {
    let runs = 1 + entries.count { $0.configuration != Comparison.reference }
    var (measured, number) = ([TaskMeasurement](), 0)
    for entry in entries {
      if let full = measured.first, entry.configuration == Comparison.reference {
        measured.append(full.presented(as: entry))
        continue
      }
      let run = TaskRun(
        comparison: self, entry: entry, documents: documents, place: (number, runs))
      measured.append(try run.measure(team, progress: progress))
      number += 1
    }
    return measured
  }

  /// A held-out document of the seed.
  func document(
    _ number: Int, _ kind: TaskMixture.Kind = .both, tokens: Int
  ) throws(TaskError) -> TaskDocument {
    try TaskComparison.document(number, seed: seed, kind, tokens: tokens)
  }

  /// A held-out document of a seed.
  ///
  /// - Parameters:
  ///   - number: which document, from 0; each seed has `documentsPerSeed`.
  ///   - seed: one of ``seeds``.
  ///   - kind: what the document asks for.
  ///   - tokens: its length.
  /// - Throws: `TaskError.tooShort` if the kind has no room in so few tokens.
  public static func document(
    _ number: Int, seed: Int, _ kind: TaskMixture.Kind, tokens: Int
  ) throws(TaskError) -> TaskDocument {
    // Each seed has a block of the held-out documents for itself.
    let held = UInt32(clamping: seed * documentsPerSeed + number)
    return try TaskMixture(lengths: tokens...tokens, kinds: [kind]).document(.heldOut(held))
  }

  /// Full attention, then the entries but for that one.
  private static func withReference(_ entries: [PolicyEntry]) -> [PolicyEntry] {
    let full = PolicyEntry(withoutBudget: Comparison.reference)
    return [full]
      + entries.filter { ($0.label, $0.configuration) != (full.label, full.configuration) }
  }

  /// Refuses what cannot run, before anything does.
  private func check(_ entries: [PolicyEntry], longest: Int) throws {
    guard documents > 0, threads > 0, chunk > 0 else {
      throw ModelError.request(
        "a comparison on tasks needs at least 1 document, 1 thread and chunks of 1 token")
    }
    guard TaskComparison.seeds.contains(seed), documents <= TaskComparison.documentsPerSeed else {
      throw ModelError.request(
        "there are seeds \(TaskComparison.seeds.lowerBound) to \(TaskComparison.seeds.upperBound) of "
          + "\(TaskComparison.documentsPerSeed) documents each; ask for one of them, and for as many"
      )
    }
    let context = model.configuration.contextLength
    guard longest <= context else {
      throw ModelError.request(
        "a document of \(longest) tokens is longer than the model's context of \(context); ask for "
          + "shorter ones")
    }
    for entry in entries {
      _ = try entry.configuration.makePolicies(
        registry, shape: model.shape, model: model.identity)
    }
    _ = try PagedKVStore(shape: model.shape, configuration: store)
  }
}
