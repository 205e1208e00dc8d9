import KVPolicyKit

/// Rules that compare two runs.
extension PolicyReport {
  typealias Maker = () throws -> any KVCachePolicy

  private func run(
    _ policy: any KVCachePolicy, _ trial: PolicyTrial, chunk: Int? = nil,
    renumbering: UInt64? = nil, isRead: Bool = true
  ) throws -> PlainEngine {
    let engine = try trial.engine(policy, isRead ? reader : nil, isRead ? codec : nil)
    engine.renumbering = renumbering
    try engine.read(trial.prompt, chunk: chunk ?? trial.chunk)
    try engine.step(trial.steps)
    return engine
  }

  mutating func checkDeterminism(_ make: Maker, _ trial: PolicyTrial) throws {
    let (one, other) = (try run(make(), trial), try run(make(), trial))
    require(one.plans == other.plans, .determinism, "two equal runs made different plans")
    require(one.outputs == other.outputs, .determinism, "two equal runs gave different outputs")
  }

  mutating func checkRowNumbers(_ make: Maker, _ trial: PolicyTrial) throws {
    let plain = try run(make(), trial)
    let renumbered = try run(make(), trial, renumbering: 7)
    compare(plain, renumbered, .rowNumbers, "when rows were numbered anew")
  }

  mutating func checkChunks(_ make: Maker, _ trial: PolicyTrial) throws {
    guard try make().cadence.prompt != .everyChunk else { return }
    let whole = try run(make(), trial, chunk: trial.prompt)
    let cut = try run(make(), trial, chunk: 7)
    // The prompt's moments differ in number; compare the rows after the prompt and after every
    // step.
    let steps = trial.steps + 1
    require(
      whole.kept.suffix(steps) == cut.kept.suffix(steps), .chunks,
      "other rows were kept when the prompt was cut into chunks of 7")
    require(
      distance(whole.outputs, cut.outputs) < PolicyReport.tolerance, .chunks,
      "outputs differed when the prompt was cut into chunks of 7")
  }

  mutating func checkAmpleBudget(_ make: Maker, _ trial: PolicyTrial) throws {
    let type = type(of: try make())
    // A policy that takes no budget decides by itself how much to forget, and an artifact is given
    // to `make` alone.
    guard let settings = try type.settings(budget: .rows(4 * trial.tokens)),
      try PolicyRegistry([type]).neededArtifacts(of: type.name, settings).isEmpty
    else { return }
    let policy = try type.init(settings)
    // The settings for a budget may move keys, which no reader and no codec allows.
    let isReadable = policy.positions == .original
    let ample = try run(policy, trial, isRead: isReadable)
    let full = try run(KeepEverything(positions: policy.positions), trial, isRead: isReadable)
    require(
      ample.kept == full.kept, .ampleBudget,
      "rows were forgotten although the budget was never reached")
    require(
      ample.outputs == full.outputs, .ampleBudget,
      "outputs were not those of a full cache although the budget was never reached")
  }

  mutating func checkForks(_ make: Maker, _ trial: PolicyTrial) throws {
    let alone = try run(make(), trial)
    let origin = try trial.engine(try make(), reader, codec)
    try origin.read(trial.prompt, chunk: trial.chunk)
    try origin.step(trial.steps / 2)
    let fork = origin.fork(reading: trial.source(1))
    var seen = rows(of: origin)
    require(rows(of: fork) == seen, .forks, "a fork did not start with its origin's rows")
    try fork.step(trial.steps / 2)
    require(rows(of: origin) == seen, .forks, "a fork's steps changed its origin")
    seen = rows(of: fork)
    try origin.step(trial.steps - trial.steps / 2)
    require(rows(of: fork) == seen, .forks, "an origin's steps changed its fork")
    require(
      origin.plans == alone.plans && origin.outputs == alone.outputs, .forks,
      "a sequence went another way because it had been forked")
    if let broken = origin.sequence.store.checkInvariants([origin.sequence, fork.sequence]) {
      note(.invariants, "with a fork: \(broken)")
    }
    for engine in [origin, fork] {
      let statistics = engine.sequence.statistics
      require(
        statistics.rowsLive + statistics.rowsDropped == statistics.tokens * trial.shape.lanes,
        .statistics, "with a fork, rows live and dropped do not add up: \(statistics)")
    }
  }

  private func rows(of engine: PlainEngine) -> [[StoredRow]] {
    (0..<engine.source.shape.layers).flatMap { layer in
      (0..<engine.source.shape.keyHeads).map {
        engine.sequence.storedRows(layer: layer, head: $0)
      }
    }
  }

  /// Sums run over the rows in a different order, so outputs agree only within float rounding.
  private static let tolerance: Float = 1e-4

  private mutating func compare(
    _ one: PlainEngine, _ other: PlainEngine, _ rule: PolicyRule, _ occasion: String
  ) {
    require(one.kept == other.kept, rule, "other rows were kept \(occasion)")
    require(
      distance(one.outputs, other.outputs) < PolicyReport.tolerance, rule,
      "outputs differed \(occasion)")
  }

  /// The largest difference between two outputs; infinite if their sizes differ.
  private func distance(_ a: [[Float]], _ b: [[Float]]) -> Float {
    guard a.map(\.count) == b.map(\.count) else { return .infinity }
    return zip(a, b).reduce(0) { zip($1.0, $1.1).reduce($0) { max($0, abs($1.0 - $1.1)) } }
  }
}

/// The full cache under any position rule, with which an ample budget is compared.
struct KeepEverything: KVCachePolicy {
  static let name = "everything"
  static let summary = "keeps everything"
  static let source = "nothing to publish"

  let positions: PositionRule

  init(positions: PositionRule) { self.positions = positions }

  init(_ settings: inout Settings) throws(PolicyError) { positions = .original }

  static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  var cadence: Cadence { .never }

  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
