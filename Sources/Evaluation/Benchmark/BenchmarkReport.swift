import KVPolicyKit
import ReferenceModel

/// The results of a benchmark: the machine's floor, and one row per policy and piece of work.
///
/// The JSON (``json()``) has the properties of this type, of ``MachineFloor`` and of
/// ``BenchmarkRow`` as keys, in camel case. Times are in seconds, speeds per second.
public struct BenchmarkReport: Codable, Equatable, Sendable {
  /// The conditions that all rows share.
  public struct Conditions: Codable, Equatable, Sendable {
    /// The model's name.
    public var model: String
    /// Layers of the model.
    public var layers: Int
    /// Key/value heads per layer.
    public var keyHeads: Int
    /// Threads that computed each matrix product.
    public var threads: Int
    /// How decode steps multiplied quantised weights; nil in reports from before the arithmetic was
    /// a setting.
    public var arithmetic: Arithmetic?
    /// How rows were stored.
    public var rowFormat: RowFormat
    /// Rows per page.
    public var pageRows: Int
    /// Prompt tokens that went through a layer together.
    public var chunk: Int
    /// Tokens decoded in one repeat.
    public var steps: Int
    /// The number of repeats of each measurement.
    public var repeats: Int
    /// The seed of the random tokens.
    public var seed: Int
  }

  /// The conditions that all rows share; nil if only the machine was measured.
  public var conditions: Conditions?
  /// The measured speeds of the machine.
  public var floor: MachineFloor
  /// Prompts by length, then decoding by depth, then batches by depth and size. Rows of equal work
  /// are in the order of the entries.
  public var rows: [BenchmarkRow]
}

/// One piece of work under one policy. Times are for one prompt or one decode step; rows and bytes
/// cover all sequences of the work.
public struct BenchmarkRow: Codable, Equatable, Sendable, Budgeted {
  /// The kinds of work.
  public enum Work: String, Codable, CaseIterable, Sendable {
    /// Reading a prompt.
    case prefill
    /// Decoding token by token.
    case decode
    /// Decoding one token of each of several sequences together, step by step.
    case batch
  }

  /// The kind of work.
  public var work: Work
  /// Tokens of the prompt, or tokens read before the first decode step (the depth).
  public var tokens: Int
  /// Sequences that decode together, if `work` is `batch`; otherwise nil.
  public var sequences: Int?
  /// The policy's name in tables.
  public var label: String
  /// The configuration as a configuration file states it.
  public var configuration: JSONValue
  /// The budget in rows per lane; nil if the policy takes none or states its own sizes.
  public var budget: Int?
  /// The budget in bytes per sequence, if it was given in bytes; `budget` is then the rows that
  /// these bytes pay for.
  public var budgetBytes: Int?
  /// Whether it takes a budget (``PolicyEntry/takesBudget``); nil if none was offered.
  public var takesBudget: Bool?
  /// Whether the policy keeps all rows that decode steps add (`KVSequence.grows`): a budget is then
  /// spent on the prompt alone. Nil in reports from before it was noted.
  public var grows: Bool?

  /// Seconds for the prompt or for one step, over the repeats.
  public var seconds: Spread
  /// Tokens per second, of all sequences together.
  public var tokensPerSecond: Spread
  /// The least number of bytes that must be moved: weights and rows.
  public var bytes: Int
  /// The least number of float operations.
  public var operations: Double
  /// The least time, in seconds, that the machine needs for the bytes and the operations
  /// (``MachineFloor/Team/seconds(bytes:operations:)``).
  public var floorSeconds: Double
  /// `floorSeconds`, divided by the median of `seconds`: 1 is as fast as the machine can be.
  public var floorShare: Double

  /// Seconds per hook, averaged over the repeats.
  public var hookSeconds: PolicyTime
  /// The share of the time spent in hooks.
  public var hookShare: Double
  /// Rows per lane at the end, on average.
  public var rowsPerLane: Double
  /// Bytes of pages, columns, bookkeeping and policy state at the end.
  public var residentBytes: Int
  /// The mean of these bytes after each decode step, or at the end without one; nil in reports from
  /// before it was measured.
  public var meanResidentBytes: Int?
  /// The peak of these bytes, prompt included; of several sequences the sum of their peaks. Nil in
  /// reports from before it was measured.
  public var peakResidentBytes: Int?
  /// The part of `residentBytes` that the policy causes: its columns and its own state.
  public var policyBytes: Int
  /// Rows per lane that a decode step read, on average; nil if steps read everything.
  public var readRows: Double?
  /// Bytes that the attention of a decode step read, on average: keys and values, as often as a
  /// pass over the lane read them, and the page bounds by which rows were chosen. Nil if steps read
  /// everything.
  public var readBytes: Int?
}

extension BenchmarkRow {
  /// A copy with the distance from the floor of the largest team.
  func measured(against floor: MachineFloor) -> BenchmarkRow {
    guard let team = floor.teams.last else { return self }
    var row = self
    row.floorSeconds = team.seconds(bytes: Double(bytes), operations: operations)
    row.floorShare = row.floorSeconds / seconds.median
    return row
  }

  /// Whether `other` times the same work under the same configuration.
  func isOfTheSame(as other: BenchmarkRow) -> Bool {
    (work, tokens, sequences, configuration.text)
      == (other.work, other.tokens, other.sequences, other.configuration.text)
  }
}
