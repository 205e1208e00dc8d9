import KVPolicyKit
public import MiniTasks
import ReferenceModel

/// Gives the same documents of the task language to a model under several policies, lets the model
/// write its own answers, and counts the right ones.
///
/// Full attention always runs first. Each document is read and answered on one thread, with its own
/// store, so the report does not depend on the number of threads, except for the speeds.
///
/// ```swift
/// let comparison = try TaskComparison(BundledModel.open(), registry: .all)
/// let h2o = PolicyConfiguration("h2o", try H2O.settings(budget: .rows(256)) ?? [:])
/// print(try comparison.run([.init(h2o, budget: 256)]).table)
/// ```
public struct TaskComparison {
  /// The model; one thread computes each of its matrix products.
  public let model: LlamaModel
  /// The policies that entries can name; `full` must be one of them.
  public let registry: PolicyRegistry
  /// Documents that each entry answers: the first documents of the seed.
  public var documents = Default.documents
  /// The seed of the held-out documents: one of ``seeds``.
  ///
  /// Two seeds never share a document, and no seed has a document that models are trained on.
  public var seed = Default.seed
  /// The kind of the documents. The default `both` asks for a list and answers in one turn.
  public var kind = Default.kind
  /// Tokens of each document: prompts and true responses together.
  public var documentTokens = Default.documentTokens
  /// Tokens of the story's document. Its kind is always `both`, whatever `kind` is; ``TaskStory``
  /// says how it is chosen.
  public var storyTokens = Default.storyTokens
  /// Prompt tokens that go through a layer together.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored.
  public var store = StoreConfiguration()
  /// Documents that are read at the same time, each by its own thread.
  public var threads = LlamaModel.defaultThreads
  /// The model's name in the report.
  public var modelName = ""

  /// The default settings.
  public enum Default {
    /// Documents that each entry answers.
    public static let documents = 16
    /// The seed of the held-out documents.
    public static let seed = 0
    /// The kind of the documents.
    public static let kind = TaskMixture.Kind.both
    /// Tokens of each document.
    public static let documentTokens = 2048
    /// Tokens of the story's document: as many as fit on a page.
    public static let storyTokens = 448
  }

  /// The valid seeds.
  public static let seeds = 0...65_535
  /// Documents per seed.
  public static let documentsPerSeed = 65_536

  /// Tokens beyond the length of the true response after which an answer is cut off. Later tokens
  /// could only be right if the answer had a few words too many before them.
  static let margin = 16

  /// A comparison with the default sizes.
  ///
  /// - Throws: `ModelError.request` for a model that does not know the task language,
  ///   `ModelError.tokenizer` for a model whose tokenizer cannot be read.
  public init(_ files: ModelFiles, registry: PolicyRegistry) throws(ModelError) {
    try TaskLanguage.check(files)
    model = LlamaModel(files, threads: 1)
    self.registry = registry
  }

  /// A comparison on a model that is known to know the task language. One thread must compute its
  /// products.
  init(_ model: LlamaModel, registry: PolicyRegistry) {
    (self.model, self.registry) = (model, registry)
  }

  /// Lets every entry answer the documents.
  ///
  /// - Parameters:
  ///   - entries: the policies to compare. Full attention is not run a second time; under another
  ///     label it still gets its own measurement.
  ///   - story: the entries that tell the story after full attention, with budgets for the story's
  ///     document; empty for a report without a story.
  ///   - progress: called now and then, on the caller's thread; run 0 is full attention.
  /// - Throws: `ModelError.request` or `TaskError` for sizes that the model or the language cannot
  ///   serve, `PolicyError` for a bad configuration; all before anything runs. `StoreError` if a
  ///   cache outgrows its limit.
  public func run(
    _ entries: [PolicyEntry], story: [PolicyEntry] = [], progress: (RunProgress) -> Void = { _ in }
  ) throws -> TaskReport {
    let entries = TaskComparison.withReference(entries)
    try check(entries + story, longest: max(documentTokens, story.isEmpty ? 0 : storyTokens))
    let documents = try (0..<documents).map { try document($0, kind, tokens: documentTokens) }
    let candidates = try story.isEmpty ? [] : storyCandidates()
    let team = ThreadTeam(threads: max(1, min(threads, documents.count)))
    // Loads the weights, so that the first measured document does not pay for it.
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

  /// Measures the entries; the first entry is full attention.
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
  ///   - number: the document's number in the seed, from 0 and below `documentsPerSeed`.
  ///   - seed: one of ``seeds``.
  ///   - kind: the kind of the document.
  ///   - tokens: the document's length.
  /// - Throws: `TaskError.tooShort` if `tokens` leaves no room for the kind.
  public static func document(
    _ number: Int, seed: Int, _ kind: TaskMixture.Kind, tokens: Int
  ) throws(TaskError) -> TaskDocument {
    // Each seed owns a block of consecutive held-out documents.
    let held = UInt32(clamping: seed * documentsPerSeed + number)
    return try TaskMixture(lengths: tokens...tokens, kinds: [kind]).document(.heldOut(held))
  }

  /// Full attention, then all entries except full attention.
  private static func withReference(_ entries: [PolicyEntry]) -> [PolicyEntry] {
    let full = PolicyEntry(withoutBudget: Comparison.reference)
    return [full]
      + entries.filter { ($0.label, $0.configuration) != (full.label, full.configuration) }
  }

  /// Refuses impossible requests before anything runs.
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
        registry, shape: model.shape, model: model.identity, store: store)
    }
    _ = try PagedKVStore(shape: model.shape, configuration: store)
  }
}
