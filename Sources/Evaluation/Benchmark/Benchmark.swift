import Foundation
import KVPolicyKit
import ReferenceModel
import Reporting

/// Measures how fast a model reads prompts and decodes at given depths under each policy, and
/// compares the times with the machine's floor.
///
/// The tokens are random, from a fixed seed. Their values do not affect the time, so even a model
/// without a tokenizer can be measured.
public struct Benchmark {
  /// The model that runs.
  public let model: LlamaModel
  /// The policies that entries can name.
  public let registry: PolicyRegistry
  /// The lengths of the timed prompts; each at least 1.
  public var prefillLengths = Default.prefillLengths
  /// The numbers of prompt tokens read before decoding is timed (the depths); each at least 0.
  public var decodeDepths = Default.decodeDepths
  /// The numbers of sequences that decode together, at each of the depths; each at least 1. If
  /// empty, only single sequences are decoded.
  public var batchSizes = Default.batchSizes
  /// Tokens decoded in one repeat. Repeats continue the same sequence, so repeat r begins r ·
  /// `steps` tokens deeper.
  public var steps = Default.steps
  /// The number of repeats of each measurement.
  public var repeats = Default.repeats
  /// Prompt tokens that go through a layer together.
  public var chunk = LlamaSession.defaultChunk
  /// How rows are stored.
  public var store = StoreConfiguration()
  /// The model's name in the report.
  public var modelName = ""

  /// The default settings.
  public enum Default {
    /// The lengths of the timed prompts.
    public static let prefillLengths = [512]
    /// The depths at which decoding is timed.
    public static let decodeDepths = [0, 512, 2048]
    /// The numbers of sequences that decode together: none, so sequences decode alone.
    public static let batchSizes: [Int] = []
    /// Tokens decoded in one repeat.
    public static let steps = 16
    /// The number of repeats of each measurement.
    public static let repeats = 3
  }

  /// The largest number of sequences that are measured together.
  public static let largestBatch = 1024
  /// The seed of the random tokens.
  static let seed: UInt64 = 1
  /// Rounds of floor measurements before the first run and after the last run. One more round
  /// follows each run.
  private static let floorRounds = 3

  /// A benchmark with the default sizes.
  public init(model: LlamaModel, registry: PolicyRegistry) {
    self.model = model
    self.registry = registry
  }

  /// Measures every entry.
  ///
  /// - Parameters:
  ///   - entries: the policies to measure.
  ///   - progress: called now and then.
  /// - Throws: `ModelError.request` for sizes that are impossible, do not fit in memory or are too
  ///   large to be meant, `PolicyError` for a bad configuration; both before anything runs.
  public func run(
    _ entries: [PolicyEntry], progress: (RunProgress) -> Void = { _ in }
  ) throws -> BenchmarkReport {
    _ = try plan(entries)
    let meter = FloorMeter(threads: model.threads)
    meter.measure(rounds: Self.floorRounds)
    let tokens = randomTokens((prefillLengths + decodeDepths).max() ?? 0)
    let lengths = Set(prefillLengths + decodeDepths).sorted()
    let runs = entries.count * (lengths.count + decodeDepths.count * batchSizes.count)
    var rows: [BenchmarkRow] = []
    var place = 0
    func measured(_ measure: ((run: Int, runs: Int)) throws -> [BenchmarkRow]) rethrows {
      rows += try measure((place, runs))
      meter.measure()
      place += 1
    }
    for entry in entries {
      for length in lengths {
        try measured {
          try BenchmarkRun(benchmark: self, entry: entry, length: length, tokens: tokens, place: $0)
            .measure(progress: progress)
        }
        for size in decodeDepths.contains(length) ? batchSizes : [] {
          try measured {
            try BatchRun(
              benchmark: self, entry: entry, depth: length, size: size, tokens: tokens, place: $0
            ).measure(progress: progress)
          }
        }
      }
    }
    meter.measure(rounds: Self.floorRounds)
    return report(rows, floor: meter.floor)
  }

  /// Measures the floor of the machine, without a model.
  ///
  /// - Parameter threads: the largest number of threads that work at the same time; at least 1.
  public static func floor(threads: Int = LlamaModel.defaultThreads) -> BenchmarkReport {
    let meter = FloorMeter(threads: max(1, threads))
    meter.measure(rounds: 3 * floorRounds)
    return BenchmarkReport(conditions: nil, floor: meter.floor, rows: [])
  }

  /// Random tokens for the longest prompt and all steps after it.
  private func randomTokens(_ length: Int) -> [Int] {
    var random = SplitMix64(seed: Self.seed)
    let count = length + BenchmarkRun.warmUpSteps + repeats * steps
    return (0..<count).map { _ in Int.random(in: 0..<model.configuration.vocabulary, using: &random)
    }
  }

  private func report(_ rows: [BenchmarkRow], floor: MachineFloor) -> BenchmarkReport {
    let conditions = BenchmarkReport.Conditions(
      model: modelName, layers: model.shape.layers, keyHeads: model.shape.keyHeads,
      threads: model.threads, arithmetic: model.arithmetic, rowFormat: store.format,
      pageRows: store.pageRows, chunk: chunk,
      steps: steps, repeats: repeats, seed: Int(Self.seed))
    // Rows of one kind of work and one size stay together, because people compare them.
    let sorted = BenchmarkRow.Work.allCases.flatMap { work in
      let ofKind = rows.filter { $0.work == work }
      return Set(ofKind.map(\.size)).sorted {
        ($0.tokens, $0.sequences) < ($1.tokens, $1.sequences)
      }
      .flatMap { size in ofKind.filter { $0.size == size } }
    }
    return BenchmarkReport(
      conditions: conditions, floor: floor, rows: sorted.map { $0.measured(against: floor) })
  }
}

/// What a benchmark is about to do.
extension Benchmark {
  /// The size of the benchmark of these entries, before anything runs.
  ///
  /// - Throws: as ``run(_:progress:)`` for sizes that are impossible, do not fit in memory, or are
  ///   too large to be meant; `PolicyError` for a bad configuration.
  public func plan(_ entries: [PolicyEntry]) throws -> RunPlan {
    try check(entries)
    let lengths = Set(prefillLengths + decodeDepths).sorted()
    let decoded = Double(BenchmarkRun.warmUpSteps) + Double(steps) * Double(repeats)
    var (runs, tokens) = (0, 0.0)
    for length in lengths {
      let (read, decodes) = (Double(length), decodeDepths.contains(length))
      runs += 1
      tokens +=
        prefillLengths.contains(length) ? read * Double(repeats) + Double(min(length, chunk)) : read
      guard decodes else { continue }
      tokens += decoded
      for size in batchSizes {
        runs += 1
        tokens += Double(size) * (read + decoded)
      }
    }
    (runs, tokens) = (runs * entries.count, tokens * Double(entries.count))
    let longest = Double(lengths.last ?? 0) + (decodeDepths.isEmpty ? 0 : decoded)
    try RunPlan.check(sequence: longest, tokens: tokens)
    let prompts = prefillLengths.isEmpty ? [] : ["prompts of \(Benchmark.list(prefillLengths))"]
    let depths = decodeDepths.isEmpty ? [] : ["decoding after \(Benchmark.list(decodeDepths))"]
    let batches = batchSizes.isEmpty ? [] : ["\(Benchmark.list(batchSizes)) together"]
    return RunPlan(
      entries, Markup.list(prompts + depths + batches) + " in " + Markup.count(runs, "run"),
      tokens: Markup.count(Int(tokens), "token"), longest: Int(longest),
      context: model.configuration.contextLength)
  }

  private static func list(_ numbers: [Int]) -> String {
    Markup.list(numbers.map { Markup.grouped($0) })
  }
}

/// Checks that refuse impossible requests before anything runs.
extension Benchmark {
  private func check(_ entries: [PolicyEntry]) throws {
    guard !entries.isEmpty, !(prefillLengths + decodeDepths).isEmpty else {
      throw ModelError.request(
        "there is nothing to measure; give a policy, and a prompt's length or a depth")
    }
    guard prefillLengths.allSatisfy({ $0 > 0 }), decodeDepths.allSatisfy({ $0 >= 0 }) else {
      throw ModelError.request("a prompt has 1 token or more, and a depth is 0 or more")
    }
    guard batchSizes.allSatisfy({ 1...Self.largestBatch ~= $0 }) else {
      throw ModelError.request("a batch has 1 to \(Self.largestBatch) sequences")
    }
    guard batchSizes.isEmpty || !decodeDepths.isEmpty else {
      throw ModelError.request("a batch needs a depth at which it decodes; give one")
    }
    guard steps > 0, repeats > 0, chunk > 0 else {
      throw ModelError.request("steps, repeats and the chunk are 1 or more each")
    }
    let pages = try PagedKVStore(shape: model.shape, configuration: store)
    for entry in entries {
      let policies = try entry.configuration.makePolicies(
        registry, shape: model.shape, model: model.identity, store: store)
      // A policy that forgets during the prompt may need less memory than all rows take.
      guard policies.policies.contains(where: { $0.cadence.prompt != .everyChunk }) else {
        continue
      }
      try checkMemory(bytesPerToken: pages.bytesPerToken)
    }
  }

  /// - Throws: `ModelError.request` for a text that does not fit in the store's limit or the
  ///   machine's memory if every row is kept.
  private func checkMemory(bytesPerToken: Int) throws(ModelError) {
    let limit = min(store.limitBytes, Int(clamping: ProcessInfo.processInfo.physicalMemory))
    let (decoded, manySteps) = steps.multipliedReportingOverflow(by: repeats)
    let longest = (prefillLengths + decodeDepths).max() ?? 0
    let (tokens, manyTokens) = longest.addingReportingOverflow(decoded)
    let (bytes, manyBytes) = tokens.multipliedReportingOverflow(by: bytesPerToken)
    guard !manySteps, !manyTokens, !manyBytes, bytes <= limit else {
      throw .request(
        "\(longest) tokens and \(repeats) x \(steps) steps do not fit: a token takes "
          + "\(bytesPerToken) bytes and \(limit) are there; measure at most "
          + "\(limit / bytesPerToken) tokens")
    }
    let size = batchSizes.max() ?? 1
    let sequence = ((decodeDepths.max() ?? 0) + decoded) * bytesPerToken
    guard size <= limit / max(sequence, 1) else {
      throw .request(
        "\(size) sequences of \(sequence) bytes each do not fit: \(limit) bytes are there; decode at "
          + "most \(limit / max(sequence, 1)) together, or at less depth")
    }
  }
}

/// The key by which rows of one kind of work are sorted.
private struct Size: Hashable {
  let tokens: Int
  let sequences: Int
}

extension BenchmarkRow {
  fileprivate var size: Size { Size(tokens: tokens, sequences: sequences ?? 1) }
}
