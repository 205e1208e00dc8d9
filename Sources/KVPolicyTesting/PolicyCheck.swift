import KVPolicyKit

/// A rule that every policy obeys.
public enum PolicyRule: String, CaseIterable, Hashable, Sendable {
  /// Defaults are legal and survive being written as JSON and read back; budgets give usable
  /// settings.
  case settings
  /// Every plan passes the store's check: its rows exist, no row is named twice, and each lane
  /// keeps at least one row.
  case validPlans
  /// Exactly the rows that a plan forgets are gone, and all other rows keep their keys, values and
  /// columns.
  case columnsFollowRows
  /// The next token's position is the number of tokens read, whatever was forgotten.
  case truePositions
  /// The store's invariants hold after every chunk and step.
  case invariants
  /// Statistics agree with what was observed from outside.
  case statistics
  /// No lane exceeds the stated number of rows after a step.
  case rowLimit
  /// The same settings and tokens give the same plans and outputs.
  case determinism
  /// Row numbers mean nothing: renumbering rows changes nothing.
  case rowNumbers
  /// How a prompt is cut into chunks changes nothing, unless the policy evicts after each chunk.
  case chunks
  /// A fork and its origin never affect each other.
  case forks
  /// With a budget that is never reached, outputs are those of a full cache, bit for bit. A policy
  /// that takes no budget or needs an artifact is not held to it.
  case ampleBudget
  /// A step's outputs are those of attention over the rows that the reader named, and statistics
  /// count these rows. Held to it where a layer has a reader.
  case readsWhatItSays
  /// Keys and values that a codec named read as the plain codes of what they were, and all others
  /// as they were appended. None becomes codes of a tier twice. The newest values stay whole, and
  /// the newest keys until a whole block is coded (`RowCodec.wholeRows`). Held to it where a layer
  /// has a codec.
  case codesWhatItSays
}

/// A rule that a policy broke, and how.
public struct PolicyViolation: Hashable, Sendable, CustomStringConvertible {
  /// The broken rule.
  public let rule: PolicyRule
  /// What the check observed.
  public let detail: String
  /// Rule and detail on one line.
  public var description: String { "\(rule.rawValue): \(detail)" }
}

/// What a policy is tried on: random attention of this shape over a prompt and some decoded tokens.
/// In a second run, half of the decoded tokens are read as another prompt instead.
public struct PolicyTrial: Hashable, Sendable {
  /// The shape of the cache.
  public var shape = CacheShape(layers: 2, keyHeads: 2, queryHeads: 4, headDimension: 8)
  /// Tokens of the prompt.
  public var prompt = 40
  /// Tokens per chunk of the prompt.
  public var chunk = 16
  /// Tokens decoded after the prompt.
  public var steps = 40
  /// Rows per page.
  public var pageRows = 4
  /// Seed of the random attention.
  public var seed: UInt64 = 1
  /// Base of the rotary embedding; nil for none.
  public var rotaryBase: Double? = 100

  /// Forty prompt tokens and forty steps, two layers, two key heads, four query heads.
  public init() {}

  /// Tokens of prompt and steps together.
  public var tokens: Int { prompt + steps }

  func source(_ salt: UInt64 = 0) -> SyntheticAttention {
    .random(shape: shape, seed: seed &+ salt &* 1_000_003, rotaryBase: rotaryBase)
  }

  func engine(
    _ policy: any KVCachePolicy, _ reader: (any RowReader)?, _ codec: (any RowCodec)?
  ) throws -> PlainEngine {
    try PlainEngine(
      source(), policy: policy, reader: reader, codec: codec,
      store: StoreConfiguration(pageRows: pageRows, format: .f32))
  }
}

/// Tries a policy on every rule that all policies obey.
///
/// ```swift
/// #expect(checkPolicy { try MyPolicy(["capacity": 16]) }.isEmpty)
/// ```
///
/// Reading a signal that the policy did not declare traps.
///
/// - Parameters:
///   - rowLimit: the most rows that a lane may hold after each step, if the policy states such a
///     number.
///   - trial: what the policy is tried on; choose prompt and steps so that the policy has something
///     to forget.
///   - reader: what decode steps read of the rows that the policy keeps; nil for everything, or for
///     the policy's own reader.
///   - codec: which of these rows are stored as codes; nil for none, or for the policy's own codec.
///   - make: makes the policy; called several times.
/// - Returns: the broken rules; empty if the policy obeys all of them.
public func checkPolicy(
  rowLimit: Int? = nil, on trial: PolicyTrial = PolicyTrial(), reader: (any RowReader)? = nil,
  codec: (any RowCodec)? = nil, _ make: () throws -> any KVCachePolicy
) -> [PolicyViolation] {
  var report = PolicyReport(reader: reader, codec: codec)
  report.attempt(.settings) { report in
    report.checkSettings(of: type(of: try make()))
  }
  report.attempt(.validPlans) { report in
    report.checkRun(try trial.engine(try make(), reader, codec), trial, rowLimit: rowLimit)
  }
  report.attempt(.validPlans) { report in
    report.checkSecondPrompt(try trial.engine(try make(), reader, codec), trial, rowLimit: rowLimit)
  }
  report.attempt(.determinism) { try $0.checkDeterminism(make, trial) }
  report.attempt(.rowNumbers) { try $0.checkRowNumbers(make, trial) }
  report.attempt(.chunks) { try $0.checkChunks(make, trial) }
  report.attempt(.forks) { try $0.checkForks(make, trial) }
  report.attempt(.ampleBudget) { try $0.checkAmpleBudget(make, trial) }
  report.attempt(.readsWhatItSays) { try $0.checkReads(make, trial) }
  return report.violations
}

/// Violations in the order they are found, at most one per rule: the first violation tells the
/// most.
struct PolicyReport {
  /// What decode steps read; nil for everything, or for the policy's own reader.
  var reader: (any RowReader)?
  /// Which rows are stored as codes; nil for none, or for the policy's own codec.
  var codec: (any RowCodec)?
  private(set) var violations: [PolicyViolation] = []

  mutating func note(_ rule: PolicyRule, _ detail: @autoclosure () -> String) {
    guard !violations.contains(where: { $0.rule == rule }) else { return }
    violations.append(PolicyViolation(rule: rule, detail: detail()))
  }

  mutating func require(
    _ condition: Bool, _ rule: PolicyRule, _ detail: @autoclosure () -> String
  ) {
    if !condition { note(rule, detail()) }
  }

  /// Runs one check; an error it throws breaks `rule`, or `validPlans` if the store threw it.
  mutating func attempt(_ rule: PolicyRule, _ body: (inout PolicyReport) throws -> Void) {
    do {
      try body(&self)
    } catch let error as StoreError {
      note(.validPlans, "\(error)")
    } catch { note(rule, "\(error)") }
  }
}
