import KVPolicyKit
import ReferenceModel

/// Finds how many sequences a pool of memory holds at once under each policy, and how fast they
/// decode together.
///
/// Everything that a sequence takes is counted: pages, the policy's columns and state, and the
/// store's bookkeeping. Sequences are admitted only if all could be at their largest at the same
/// time, so that none ever meets a full pool. The tokens are random, from a fixed seed: what is
/// generated does not matter to memory or time.
///
/// First a single sequence of every policy runs to its end (a *scout*), and its bytes are looked at
/// after every step. Then as many as fit run together. Where the scout's rows and bytes stayed the
/// same for its last steps, so do theirs, and they run only until then and the steps that are
/// timed; where a cache grows to the end they run, and are timed, from the first step to the last.
public struct Capacity {
  /// The model that runs.
  public let model: LlamaModel
  /// The policies that entries can name.
  public let registry: PolicyRegistry
  /// What all sequences together may take.
  public var poolBytes = Default.poolBytes
  /// Tokens of each prompt; at least 1.
  public var promptTokens = Default.promptTokens
  /// Tokens that each sequence generates; at least 1.
  public var generatedTokens = Default.generatedTokens
  /// Steps that are timed where the cache does not change any more; at least 1.
  public var measuredSteps = Default.measuredSteps
  /// The most sequences that are run together; at least 1.
  public var mostSequences = Default.mostSequences
  /// Prompt tokens that go through a layer together; at least 1.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored; the limit is that of the pool.
  public var store = StoreConfiguration()
  /// What the report calls the model.
  public var modelName = ""

  /// What holds where nothing else is set.
  public enum Default {
    /// What all sequences together may take: 64 MiB.
    public static let poolBytes = 64 << 20
    /// Tokens of each prompt.
    public static let promptTokens = 128
    /// Tokens that each sequence generates.
    public static let generatedTokens = 4096
    /// Steps that are timed where the cache does not change any more.
    public static let measuredSteps = 256
    /// The most sequences that are run together.
    public static let mostSequences = 256
  }

  /// Where the tokens come from, and how many different ones there are.
  private static let (seed, tokenCount): (UInt64, Int) = (1, 8191)

  /// With the default sizes.
  public init(model: LlamaModel, registry: PolicyRegistry) {
    self.model = model
    self.registry = registry
  }

  /// Measures every entry.
  ///
  /// - Parameters:
  ///   - entries: what to measure.
  ///   - progress: called now and then; run 0 is that of the scouts.
  /// - Throws: `ModelError.request` for sizes that are not possible, `StoreError.badSetting` for a pool that
  ///   does not hold a page for each lane, `PolicyError` for a configuration; all before anything runs.
  /// - Complexity: O(entries · generated tokens) steps of one sequence, and the steps of those that fit.
  public func run(
    _ entries: [PolicyEntry], progress: (RunProgress) -> Void = { _ in }
  ) throws -> CapacityReport {
    guard !entries.isEmpty else {
      throw ModelError.request("there is nothing to run; give a policy")
    }
    guard
      [promptTokens, generatedTokens, measuredSteps, mostSequences, chunk].allSatisfy({ $0 > 0 })
    else {
      throw ModelError.request(
        "prompt, generated tokens, measured steps, sequences and the chunk are 1 or more each")
    }
    let scouts = try entries.map {
      try CapacityScout($0, of: self, session: makeSession($0, in: makeStore()))
    }
    try send(scouts, progress: progress)
    let rows = try scouts.enumerated().map { number, scout in
      try CapacityRun(capacity: self, scout: scout, place: (number + 1, scouts.count + 1))
        .row(progress: progress)
    }
    return CapacityReport(
      conditions: CapacityReport.Conditions(
        model: modelName, layers: model.shape.layers, keyHeads: model.shape.keyHeads,
        threads: model.threads, arithmetic: model.arithmetic, rowFormat: store.format,
        pageRows: store.pageRows, chunk: chunk,
        poolBytes: poolBytes, promptTokens: promptTokens, generatedTokens: generatedTokens,
        seed: Int(Self.seed)),
      rows: rows)
  }

  /// A store of the pool's size.
  func makeStore() throws(StoreError) -> PagedKVStore {
    var configuration = store
    configuration.limitBytes = poolBytes
    return try PagedKVStore(shape: model.shape, configuration: configuration)
  }

  /// A session over an empty cache.
  func makeSession(
    _ entry: PolicyEntry, in store: PagedKVStore
  ) throws(PolicyError) -> LlamaSession {
    try model.makeSession(entry.configuration, registry: registry, in: store)
  }

  /// Every sequence reads the same tokens, each from another place on.
  func tokens(_ range: Range<Int>, ofSequence number: Int) -> [Int] {
    range.map { Self.token($0 &+ 7 &* number, vocabulary: model.configuration.vocabulary) }
  }

  private static func token(_ index: Int, vocabulary: Int) -> Int {
    var random = SplitMix64(seed: seed &+ UInt64(index % tokenCount))
    return Int.random(in: 0..<vocabulary, using: &random)
  }
}
