import KVPolicyKit
import ReferenceModel

/// The results of a comparison: the conditions, and one measurement per policy.
///
/// As JSON (``json()``), all keys in camel case:
///
/// ```json
/// {
///   "model": "SmolLM2-135M-Instruct.Q4_1.gguf", "text": "built-in",
///   "promptTokens": 768, "decodeTokens": 256, "chunk": 512,
///   "rowFormat": "f16", "pageRows": 16, "threads": 2, "arithmetic": "exact", "layers": 30, "keyHeads": 3,
///   "policies": [{"label": "h2o", "configuration": {"policy": "h2o", "heavy": 128, "recent": 128},
///     "rowsPerLaneLeast": 256, "rowsPerLaneMost": 256, "rowsPerLaneMean": 256, …}]
/// }
/// ```
///
/// The keys of a measurement are the properties of ``PolicyMeasurement``. A number that is not
/// finite is written as `"inf"`, `"-inf"` or `"nan"`.
public struct ComparisonReport: Codable, Equatable, Sendable {
  /// The model's name.
  public var model: String
  /// The text's name.
  public var text: String
  /// Tokens of the prompt.
  public var promptTokens: Int
  /// Tokens of the forced continuation, which are the decode steps.
  public var decodeTokens: Int
  /// Prompt tokens that went through a layer together.
  public var chunk: Int
  /// How rows are stored: `f32`, `f16` or `q8_0`.
  public var rowFormat: RowFormat
  /// Rows per page.
  public var pageRows: Int
  /// Threads that computed each matrix product.
  public var threads: Int
  /// How decode steps multiplied quantised weights. The reference always uses exact arithmetic.
  public var arithmetic: Arithmetic
  /// Layers of the model.
  public var layers: Int
  /// Key/value heads per layer.
  public var keyHeads: Int
  /// One measurement per policy, in the order of the entries.
  public var policies: [PolicyMeasurement]
  /// Errors of the attention output, and overlaps of what is kept; nil if they were not measured
  /// (``Comparison/measuresFidelity``).
  public var fidelity: ComparisonFidelity?
}

/// What one policy kept, cost and changed. Bytes are counted by the store.
public struct PolicyMeasurement: Codable, Equatable, Sendable, Budgeted {
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

  /// Rows of the shortest lane at the end.
  public var rowsPerLaneLeast: Int
  /// Rows of the longest lane at the end.
  public var rowsPerLaneMost: Int
  /// Rows per lane at the end, on average.
  public var rowsPerLaneMean: Double
  /// Bytes of pages, columns, bookkeeping and policy state at the end.
  public var residentBytes: Int
  /// The mean of these bytes after each decode step.
  public var meanResidentBytes: Int
  /// Rows per lane that a decode step read, on average; nil if steps read everything.
  public var readRows: Double?
  /// Bytes that the attention of a decode step read, on average: keys and values, as often as a
  /// pass over the lane read them, and the page bounds by which rows were chosen. Nil if steps read
  /// everything.
  public var readBytes: Int?
  /// Keys, values and bytes at the end by format, the store's own format first; nil if no row is
  /// stored as codes.
  public var tiers: [TierStatistics]?
  /// The peak of these bytes at any time, prompt included.
  public var peakResidentBytes: Int
  /// The part of `residentBytes` that the policy causes.
  public var policyStateBytes: Int
  /// The share of full attention's resident bytes that the policy saves at the end; negative if it
  /// uses more.
  public var saving: Double
  /// The share of full attention's peak bytes that the policy saves; negative if it uses more.
  public var peakSaving: Double
  /// Rows × time, divided by the rows × time of full attention.
  public var footprint: Double
  /// The peak number of stored rows, divided by the number of rows of full attention at the end.
  public var peakFootprint: Double

  /// Perplexity of the continuation. Every token of it is predicted from the tokens before it.
  public var perplexity: Double
  /// Mean of KL(full || policy) over the decode steps, in nats.
  public var meanDivergence: Double
  /// The share of decode steps whose most likely token equals the one of full attention.
  public var topAgreement: Double

  /// Seconds for the prompt.
  public var promptSeconds: Double
  /// Seconds for the decode steps.
  public var decodeSeconds: Double
  /// The share of `promptSeconds` spent in hooks and plans.
  public var promptHookShare: Double
  /// The share of `decodeSeconds` spent in hooks and plans.
  public var decodeHookShare: Double
  /// Prompt tokens per second.
  public var promptTokensPerSecond: Double
  /// Decode steps per second.
  public var decodeTokensPerSecond: Double
}
