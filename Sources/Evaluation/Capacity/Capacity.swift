import Foundation
import KVPolicyKit
import ReferenceModel
import Reporting

/// Finds how many sequences a pool of memory holds at once under each policy, and how fast they
/// decode together.
///
/// All bytes of a sequence count: pages, the policy's columns and state, and the store's
/// bookkeeping. A sequence is admitted only if all sequences could reach their largest size at the
/// same moment, so none ever meets a full pool. The tokens are random, from a fixed seed: memory
/// and time hardly depend on the text.
///
/// First one sequence of every policy runs to its end (a *scout*), and its bytes are read after
/// every step. Then as many sequences as fit run together. If the scout's rows and bytes were
/// constant over its last steps, the sequences stop after the last change and the timed steps that
/// follow it. If the cache grows to the end, the sequences run to the end, and every step is timed.
public struct Capacity {
  /// The model that runs.
  public let model: LlamaModel
  /// The policies that entries can name.
  public let registry: PolicyRegistry
  /// Bytes that all sequences together may take.
  public var poolBytes = Default.poolBytes
  /// Tokens of each prompt; at least 1.
  public var promptTokens = Default.promptTokens
  /// Tokens that each sequence generates; at least 1.
  public var generatedTokens = Default.generatedTokens
  /// Timed steps when the cache has stopped changing; at least 1.
  public var measuredSteps = Default.measuredSteps
  /// The largest number of sequences that run together; at least 1.
  public var mostSequences = Default.mostSequences
  /// Prompt tokens that go through a layer together; at least 1.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored; `poolBytes` replaces the memory limit.
  public var store = StoreConfiguration()
  /// The model's name in the report.
  public var modelName = ""

  /// The default settings.
  public enum Default {
    /// Bytes that all sequences together may take: 64 MiB.
    public static let poolBytes = 64 << 20
    /// Tokens of each prompt.
    public static let promptTokens = 128
    /// Tokens that each sequence generates.
    public static let generatedTokens = 4096
    /// Timed steps when the cache has stopped changing.
    public static let measuredSteps = 256
    /// The largest number of sequences that run together.
    public static let mostSequences = 256
  }

  /// The seed of the random tokens, and the length after which they repeat.
  private static let (seed, tokenCount): (UInt64, Int) = (1, 8191)

  /// A measurement with the default sizes.
  public init(model: LlamaModel, registry: PolicyRegistry) {
    self.model = model
    self.registry = registry
  }

  /// Measures every entry.
  ///
  /// - Parameters:
  ///   - entries: the policies to measure.
  ///   - progress: called now and then; run 0 is the run of all scouts together.
  /// - Throws: `ModelError.request` for impossible sizes (``plan(_:)``), `StoreError.badSetting`
  ///   for a pool that does not hold a page for each lane, `PolicyError` for a bad configuration;
  ///   all before anything runs.
  /// - Complexity: O(entries · generated tokens) steps of one sequence, plus the steps of the
  ///   sequences that fit.
  public func run(
    _ entries: [PolicyEntry], progress: (RunProgress) -> Void = { _ in }
  ) throws -> CapacityReport {
    _ = try plan(entries)
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

  /// The size of the measurement of these entries, before anything runs.
  ///
  /// - Throws: `ModelError.request` for impossible sizes, for a pool larger than the machine's
  ///   memory, and for sizes that are too large to be meant.
  public func plan(_ entries: [PolicyEntry]) throws(ModelError) -> RunPlan {
    guard !entries.isEmpty else {
      throw .request("there is nothing to run; give a policy")
    }
    guard
      [promptTokens, generatedTokens, measuredSteps, mostSequences, chunk].allSatisfy({ $0 > 0 })
    else {
      throw .request(
        "prompt, generated tokens, measured steps, sequences and the chunk are 1 or more each")
    }
    let memory = ProcessInfo.processInfo.physicalMemory
    guard poolBytes <= memory else {
      throw .request(
        "a pool of \(poolBytes) bytes is larger than the machine's memory of \(memory); give less")
    }
    let sequence = Double(promptTokens) + Double(generatedTokens)
    let least = sequence * Double(entries.count)
    try RunPlan.check(sequence: sequence, tokens: least)
    return RunPlan(
      entries,
      "each with a prompt of \(Markup.count(promptTokens, "token")) and "
        + "\(Markup.grouped(generatedTokens)) generated: alone, then as often as "
        + "\(Quantities.bytes(poolBytes)) have room, at most \(Markup.grouped(mostSequences)) times",
      tokens: "\(Markup.count(Int(least), "token")) or more", longest: Int(sequence),
      context: model.configuration.contextLength)
  }

  /// A store as large as the pool.
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

  /// The tokens of a sequence; all sequences read the same random text, each from a different
  /// start.
  func tokens(_ range: Range<Int>, ofSequence number: Int) -> [Int] {
    range.map { Self.token($0 &+ 7 &* number, vocabulary: model.configuration.vocabulary) }
  }

  private static func token(_ index: Int, vocabulary: Int) -> Int {
    var random = SplitMix64(seed: seed &+ UInt64(index % tokenCount))
    return Int.random(in: 0..<vocabulary, using: &random)
  }
}
