import KVPolicyKit

/// The results of policies on the tasks: the conditions, one measurement per policy and budget, and
/// a story.
///
/// Its JSON has the properties' names as keys.
public struct TaskReport: Codable, Equatable, Sendable {
  /// The model's name.
  public var model: String
  /// Documents that each policy answered.
  public var documents: Int
  /// The kind of the documents: `both` asks for a list and answers in one turn; other kinds ask for
  /// less, or for several turns.
  public var kind: String
  /// The seed of the documents.
  public var seed: Int
  /// Tokens of each document: prompt and true response.
  public var documentTokens: Int
  /// Tokens of the longest true response.
  public var responseTokens: Int
  /// How rows are stored.
  public var rowFormat: RowFormat
  /// Rows per page.
  public var pageRows: Int
  /// Threads that answered documents at the same time.
  public var threads: Int
  /// Layers of the model.
  public var layers: Int
  /// Key/value heads per layer.
  public var keyHeads: Int
  /// One measurement per policy and budget, in the order of the entries; the first is full
  /// attention.
  public var policies: [TaskMeasurement]
  /// The story of one document, told step by step.
  public var story: TaskStory?
}

/// The results of one policy with one budget.
public struct TaskMeasurement: Codable, Equatable, Sendable, Budgeted {
  /// The policy's name in tables, such as `morphkv`.
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
  /// Hits by kind of check: `once`, `range`, `periodic`, `completion`, `recall`, `copy`,
  /// `variables`, `again`; a kind that no document asks for is absent.
  public var kinds: [String: TaskTally]
  /// Hits by stretch of the true response, in order and without gaps.
  public var places: [PlaceTally]
  /// The results per document, in order.
  public var documents: [DocumentMeasurement]
  /// Rows per lane at the end, on average over lanes and documents.
  public var rowsPerLaneMean: Double
  /// Bytes of pages, columns, bookkeeping and policy state at the end of a document, on average.
  public var residentBytes: Int
  /// The mean of these bytes after each written token, averaged over the documents.
  public var meanResidentBytes: Int
  /// Rows per lane that a decode step read, on average; nil if steps read everything.
  public var readRows: Double?
  /// Bytes that the attention of a decode step read, on average: keys and values, as often as a
  /// pass over the lane read them, and the page bounds by which rows were chosen. Nil if steps read
  /// everything.
  public var readBytes: Int?
  /// The peak of these bytes at any time of any document, prompt included.
  public var peakResidentBytes: Int
  /// The part of `residentBytes` that the policy causes.
  public var policyStateBytes: Int
  /// Rows × time, divided by the rows × time of full attention, on average.
  public var footprint: Double
  /// Tokens written.
  public var writtenTokens: Int
  /// Prompt tokens per second.
  public var promptTokensPerSecond: Double
  /// Written tokens per second of a single sequence.
  public var decodeTokensPerSecond: Double

  /// All checks together.
  public var all: TaskTally { kinds.values.reduce(into: TaskTally()) { $0 += $1 } }

  /// A copy under the label and budget of another entry that describes the same run.
  func presented(as entry: PolicyEntry) -> TaskMeasurement {
    var copy = self
    (copy.label, copy.takesBudget) = (entry.label, entry.takesBudget)
    (copy.budget, copy.budgetBytes) = (entry.budget, entry.budgetBytes)
    return copy
  }
}

/// The results of one policy on one document, so that policies can be compared document by
/// document.
public struct DocumentMeasurement: Codable, Equatable, Sendable {
  /// The document's number among those of the seed, from 0; the same for every policy.
  public var number: Int
  /// Hits by kind of check; a kind that the document does not ask for is absent.
  public var kinds: [String: TaskTally]
  /// Rows per lane at the end, on average over lanes.
  public var rowsPerLaneMean: Double
  /// Bytes of pages, columns, bookkeeping and policy state at the end.
  public var residentBytes: Int
  /// Tokens written.
  public var writtenTokens: Int
}

/// The number of checks, and how many passed.
public struct TaskTally: Codable, Equatable, Sendable {
  /// Checks that passed.
  public var hits = 0
  /// Checks made.
  public var checks = 0

  /// An empty tally.
  public init() {}

  /// Decodes a tally whose numbers are possible: sums over all tallies of a report fit an integer.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    checks = try container.decode(Int.self, forKey: .checks)
    hits = try container.decode(Int.self, forKey: .hits)
    let legal = 0...1 << 31
    guard legal.contains(hits), legal.contains(checks) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "has \(hits) hits in \(checks) checks; legal are 0 to "
            + "\(legal.upperBound) of both"))
    }
  }

  /// The share of hits; 0 without checks.
  public var share: Double { checks == 0 ? 0 : Double(hits) / Double(checks) }

  /// Adds both numbers.
  public static func += (tally: inout TaskTally, other: TaskTally) {
    tally.hits += other.hits
    tally.checks += other.checks
  }
}

/// The checks in one stretch of the true response.
public struct PlaceTally: Codable, Equatable, Sendable {
  /// The first index of the stretch, in tokens from the beginning of the response.
  public var from: Int
  /// The index after the last token of the stretch.
  public var to: Int
  /// The tally of the stretch's checks.
  public var tally: TaskTally
}

/// One document, and the tokens of it that each policy still held while it wrote its answer.
///
/// The document is the first of the seed that full attention answers without a mistake, so every
/// mistake of a policy comes from what it forgot. If there is no such document among the first 32,
/// the story takes the one of which full attention passes the largest share of checks.
public struct TaskStory: Codable, Equatable, Sendable {
  /// The document's number among the documents of the seed and of kind `both`, from 0.
  public var document: Int
  /// The words of the prompt, one per token; the end of a line is `"\n"`.
  public var prompt: [String]
  /// The moments shown, as numbers of answer tokens written by then, ascending. The first is 0.
  public var moments: [Int]
  /// One teller per policy; the first is full attention.
  public var tellers: [Teller]

  /// The answer of one policy, and the tokens that it held.
  public struct Teller: Codable, Equatable, Sendable {
    /// The policy's name.
    public var label: String
    /// The budget in rows per lane; nil if the policy takes none or states its own sizes.
    public var budget: Int?
    /// The document's checks, and how many the answer passed. A check of words that were never
    /// written counts as failed.
    public var tally: TaskTally
    /// The words of the policy's answer.
    public var answer: [String]
    /// Indices in `answer` of words that differ from the true answer's line.
    public var mistakes: [Int]
    /// One string per moment, with one character per token of prompt and answer read by then: the
    /// share of lanes that still hold the token, in ninths, `0` to `9`.
    public var kept: [String]
  }
}
