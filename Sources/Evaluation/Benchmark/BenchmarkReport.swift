import KVPolicyKit
import ReferenceModel

/// What a benchmark measured: the machine, and one row per policy and piece of work.
///
/// As JSON (``json()``): the properties of this type, of ``MachineFloor`` and of ``BenchmarkRow``,
/// all keys in camel case. Times are in seconds, speeds per second.
public struct BenchmarkReport: Codable, Equatable, Sendable {
  /// What the rows have in common.
  public struct Conditions: Codable, Equatable, Sendable {
    /// The model's name.
    public var model: String
    /// Layers of the model.
    public var layers: Int
    /// Key/value heads per layer.
    public var keyHeads: Int
    /// Threads that worked on a matrix.
    public var threads: Int
    /// How decode steps multiplied quantised weights; nil in reports from before there was a
    /// choice.
    public var arithmetic: Arithmetic?
    /// How rows were stored.
    public var rowFormat: RowFormat
    /// Rows per page.
    public var pageRows: Int
    /// Prompt tokens that went through a layer together.
    public var chunk: Int
    /// Tokens decoded per repeat.
    public var steps: Int
    /// How often each thing was timed.
    public var repeats: Int
    /// Where the tokens come from.
    public var seed: Int
  }

  /// What the rows have in common; nil if only the machine was measured.
  public var conditions: Conditions?
  /// What the machine can do.
  public var floor: MachineFloor
  /// Prompts by length, then decoding by depth; for each the policies in the order asked for.
  public var rows: [BenchmarkRow]
}

/// One piece of work under one policy. Times are those of one prompt, or of one decode step; rows
/// and bytes are those of all sequences that were in it.
public struct BenchmarkRow: Codable, Equatable, Sendable {
  /// What was timed.
  public enum Work: String, Codable, CaseIterable, Sendable {
    /// Reading a prompt.
    case prefill
    /// Decoding token by token.
    case decode
    /// Decoding a token of each of several sequences together, step by step.
    case batch
  }

  /// What was timed.
  public var work: Work
  /// Tokens of the prompt, or those read before the first decode step (the depth).
  public var tokens: Int
  /// Sequences that decode together, if `work` is `batch`; nil for other work.
  public var sequences: Int?
  /// The policy's name in tables.
  public var label: String
  /// The configuration, as it would be written in a file.
  public var configuration: JSONValue
  /// Rows per lane that it was given; nil if it takes no budget or states its own sizes.
  public var budget: Int?
  /// Whether it takes a budget (``PolicyEntry/takesBudget``); nil if none was offered.
  public var takesBudget: Bool?

  /// Seconds for the prompt, or for one step: one value per repeat.
  public var seconds: Spread
  /// Tokens per second, of all sequences together.
  public var tokensPerSecond: Spread
  /// Bytes that must be moved at least: weights and rows.
  public var bytes: Int
  /// Float operations that must be made at least.
  public var operations: Double
  /// The least time the machine needs for both, in seconds
  /// (``MachineFloor/Team/seconds(bytes:operations:)``).
  public var floorSeconds: Double
  /// `floorSeconds` over the median of `seconds`: 1 is as fast as the machine can be.
  public var floorShare: Double

  /// Seconds per hook, mean of the repeats.
  public var hookSeconds: PolicyTime
  /// All hooks' share of the time.
  public var hookShare: Double
  /// Rows per lane at the end, on average.
  public var rowsPerLane: Double
  /// Bytes of pages, columns, bookkeeping and policy state at the end.
  public var residentBytes: Int
  /// Of these, what the policy causes: its columns and its own state.
  public var policyBytes: Int
}

extension BenchmarkRow {
  /// The same with its distance from what the largest team of the floor can do.
  func measured(against floor: MachineFloor) -> BenchmarkRow {
    guard let team = floor.teams.last else { return self }
    var row = self
    row.floorSeconds = team.seconds(bytes: Double(bytes), operations: operations)
    row.floorShare = row.floorSeconds / seconds.median
    return row
  }

  /// Whether `other` is a measurement of the same thing.
  func isOfTheSame(as other: BenchmarkRow) -> Bool {
    (work, tokens, sequences, configuration.text)
      == (other.work, other.tokens, other.sequences, other.configuration.text)
  }
}
