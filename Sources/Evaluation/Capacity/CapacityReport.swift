import KVPolicyKit
import ReferenceModel
import Reporting

/// How many sequences a pool held at once, policy by policy.
///
/// As JSON (``json()``): the properties of this type and of ``CapacityRow``, all keys in camel
/// case.
public struct CapacityReport: Codable, Equatable, Sendable {
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
    /// How decode steps multiplied quantised weights.
    public var arithmetic: Arithmetic
    /// How rows were stored.
    public var rowFormat: RowFormat
    /// Rows per page.
    public var pageRows: Int
    /// Prompt tokens that went through a layer together.
    public var chunk: Int
    /// What all sequences together could take: pages, columns, bookkeeping and policy state.
    public var poolBytes: Int
    /// Tokens of each prompt.
    public var promptTokens: Int
    /// Tokens that each sequence generates.
    public var generatedTokens: Int
    /// Where the tokens come from.
    public var seed: Int
  }

  /// What the rows have in common.
  public var conditions: Conditions
  /// The policies in the order asked for.
  public var rows: [CapacityRow]

  /// The report as JSON text, keys sorted.
  public func json() throws -> String { try ReportText.json(self) }

  /// The rows as comma-separated values (RFC 4180): a header, then a line per policy, numbers in
  /// full; empty where there is none.
  public var csv: String { ReportText.csv(CapacityRow.fields, rows) }
}

/// One policy.
public struct CapacityRow: Codable, Equatable, Sendable {
  /// The policy's name in tables.
  public var label: String
  /// The configuration, as it would be written in a file.
  public var configuration: JSONValue
  /// Rows per lane that it was given; nil if it takes no budget or states its own sizes.
  public var budget: Int?
  /// Whether it takes a budget (``PolicyEntry/takesBudget``); nil if none was offered.
  public var takesBudget: Bool?
  /// Sequences that were held at once; 0 if the pool does not hold a single one to its end.
  public var sequences: Int
  /// Sequences that fit; more than `sequences` only where those were limited.
  public var fitting: Int
  /// The most bytes that one sequence takes: until its end, or until the pool was full.
  public var bytesPerSequence: Int
  /// Tokens that a single sequence had read when the pool was full; nil if it came to its end.
  public var fullAt: Int?
  /// Tokens per second of all sequences together; nil if there is none.
  public var tokensPerSecond: Double?
  /// Bytes of pages, columns, bookkeeping and policy state of all sequences, at the end.
  public var bytesInUse: Int
  /// Of these, what the policies cause: columns and own state.
  public var policyBytes: Int
  /// Rows per lane at the end, on average.
  public var rowsPerLane: Double
  /// Steps that the sequences made together: fewer than they generate if none of the rest changes
  /// how many rows or bytes there are.
  public var steps: Int
  /// The last of these, which were timed.
  public var timedSteps: Int
}

extension CapacityRow {
  fileprivate static var fields: [ReportText.Field<CapacityRow>] {
    [
      ("label", { $0.label }), ("configuration", { $0.configuration.text }),
      ("sequences", { "\($0.sequences)" }), ("fitting", { "\($0.fitting)" }),
      ("bytesPerSequence", { "\($0.bytesPerSequence)" }),
      ("fullAt", { $0.fullAt.map { "\($0)" } ?? "" }),
      ("tokensPerSecond", { $0.tokensPerSecond.map { "\($0)" } ?? "" }),
      ("bytesInUse", { "\($0.bytesInUse)" }), ("policyBytes", { "\($0.policyBytes)" }),
      ("rowsPerLane", { "\($0.rowsPerLane)" }), ("steps", { "\($0.steps)" }),
      ("timedSteps", { "\($0.timedSteps)" }),
      ("budget", { $0.budget.map { "\($0)" } ?? "" }),
      ("takesBudget", { $0.takesBudget.map { "\($0)" } ?? "" }),
    ]
  }
}
