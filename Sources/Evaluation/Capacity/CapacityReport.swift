import KVPolicyKit
import ReferenceModel
import Reporting

/// How many sequences a pool held at once under each policy.
///
/// The JSON (``json()``) has the properties of this type and of ``CapacityRow`` as keys, in camel
/// case.
public struct CapacityReport: Codable, Equatable, Sendable {
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
    /// How decode steps multiplied quantised weights.
    public var arithmetic: Arithmetic
    /// How rows were stored.
    public var rowFormat: RowFormat
    /// Rows per page.
    public var pageRows: Int
    /// Prompt tokens that went through a layer together.
    public var chunk: Int
    /// Bytes that all sequences together could take: pages, columns, bookkeeping and policy state.
    public var poolBytes: Int
    /// Tokens of each prompt.
    public var promptTokens: Int
    /// Tokens that each sequence generates.
    public var generatedTokens: Int
    /// The seed of the random tokens.
    public var seed: Int
  }

  /// The conditions that all rows share.
  public var conditions: Conditions
  /// One row per policy, in the order of the entries.
  public var rows: [CapacityRow]

  /// The report as JSON text, keys sorted.
  public func json() throws -> String { try ReportText.json(self) }

  /// The rows as comma-separated values (RFC 4180): a header, then a line per policy. Numbers are
  /// written in full; an absent value is an empty field.
  public var csv: String { ReportText.csv(CapacityRow.fields, rows) }

  /// The rows as lines of JSON: the columns of ``csv``, and a line per policy.
  public var jsonLines: String { ReportText.jsonLines(CapacityRow.fields, rows) }
}

/// The capacity under one policy.
public struct CapacityRow: Codable, Equatable, Sendable, Budgeted {
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
  /// spent on the prompt alone.
  public var grows: Bool
  /// Sequences held at once; 0 if the pool does not hold a single sequence to its end.
  public var sequences: Int
  /// Sequences that fit; more than `sequences` only if ``Capacity/mostSequences`` limited the run.
  public var fitting: Int
  /// The peak bytes of one sequence: until its end, or until the pool was full.
  public var bytesPerSequence: Int
  /// The mean of the bytes of one sequence after each step that it made alone.
  public var meanBytesPerSequence: Int
  /// Tokens that a single sequence had read when the pool was full; nil if it reached its end.
  public var fullAt: Int?
  /// Tokens per second of all sequences together; nil if no sequence fits.
  public var tokensPerSecond: Double?
  /// Bytes of pages, columns, bookkeeping and policy state of all sequences, at the end.
  public var bytesInUse: Int
  /// The part of `bytesInUse` that the policies cause: their columns and state.
  public var policyBytes: Int
  /// Rows per lane at the end, on average.
  public var rowsPerLane: Double
  /// Steps that the sequences made together: fewer than they generate if no later step changes the
  /// number of rows or bytes.
  public var steps: Int
  /// The timed steps, which are the last of `steps`.
  public var timedSteps: Int
}

extension CapacityRow {
  fileprivate static var fields: [ReportText.Field<CapacityRow>] {
    [
      ("label", { $0.label }), ("configuration", { $0.configuration.text }),
      ("sequences", { $0.sequences }), ("fitting", { $0.fitting }),
      ("bytesPerSequence", { $0.bytesPerSequence }), ("fullAt", { $0.fullAt }),
      ("tokensPerSecond", { $0.tokensPerSecond }), ("bytesInUse", { $0.bytesInUse }),
      ("policyBytes", { $0.policyBytes }), ("rowsPerLane", { $0.rowsPerLane }),
      ("steps", { $0.steps }), ("timedSteps", { $0.timedSteps }), ("budget", { $0.budget }),
      ("takesBudget", { $0.takesBudget }), ("budgetBytes", { $0.budgetBytes }),
      ("grows", { $0.grows }), ("meanBytesPerSequence", { $0.meanBytesPerSequence }),
    ]
  }
}
