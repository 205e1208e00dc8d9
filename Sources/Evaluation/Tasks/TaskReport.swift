import KVPolicyKit

/// How policies did on the tasks: the conditions, one measurement per policy and budget, and a
/// story.
///
/// Its JSON has the properties' names as keys.
public struct TaskReport: Codable, Equatable, Sendable {
  /// The model's name.
  public var model: String
  /// Documents each policy was given.
  public var documents: Int
  /// What the documents ask for: `both`, a list and answers in one turn, or another kind of document.
  public var kind: String
  /// The seed that they were drawn from.
  public var seed: Int
  /// Tokens of each document: prompt and true response.
  public var documentTokens: Int
  /// Tokens of the longest true response.
  public var responseTokens: Int
  /// How rows are stored.
  public var rowFormat: RowFormat
  /// Rows per page.
  public var pageRows: Int
  /// Threads that worked.
  public var threads: Int
  /// Layers of the model.
  public var layers: Int
  /// Key/value heads per layer.
  public var keyHeads: Int
  /// One per policy and budget, in the order asked for; the first is full attention.
  public var policies: [TaskMeasurement]
  /// One document, told step by step.
  public var story: TaskStory?
}

/// How one policy did with one budget.
public struct TaskMeasurement: Codable, Equatable, Sendable {
  /// The policy's name in tables, such as `morphkv`.
  public var label: String
  /// Its configuration, as it would be written in a file.
  public var configuration: JSONValue
  /// Rows per lane that it was given; nil if it takes no budget or states its own sizes.
  public var budget: Int?
  /// Whether it takes a budget (``PolicyEntry/takesBudget``); nil if none was offered.
  public var takesBudget: Bool?
  /// Hits by kind of check: `once`, `range`, `periodic`, `completion`, `recall`, `copy`,
  /// `variables`, `again`; a kind that no document asks for is absent.
  public var kinds: [String: TaskTally]
  /// Hits by place in the true response, in order and without gaps.
  public var places: [PlaceTally]
  /// How each document came out, in order.
  public var documents: [DocumentMeasurement]
  /// Rows per lane at the end, on average over lanes and documents.
  public var rowsPerLaneMean: Double
  /// Bytes of pages, columns, bookkeeping and policy state at the end of a document, on average.
  public var residentBytes: Int
  /// The most such bytes at any time of any document, prompt included.
  public var peakResidentBytes: Int
  /// Of `residentBytes`, what the policy causes.
  public var policyStateBytes: Int
  /// Rows × time over those of full attention, on average.
  public var footprint: Double
  /// Tokens written.
  public var writtenTokens: Int
  /// Prompt tokens per second.
  public var promptTokensPerSecond: Double
  /// Written tokens per second, of one sequence alone.
  public var decodeTokensPerSecond: Double

  /// All checks together.
  public var all: TaskTally { kinds.values.reduce(into: TaskTally()) { $0 += $1 } }

  /// The same run as that of another entry.
  func presented(as entry: PolicyEntry) -> TaskMeasurement {
    var copy = self
    (copy.label, copy.budget, copy.takesBudget) = (entry.label, entry.budget, entry.takesBudget)
    return copy
  }
}

/// How one policy did on one document, so that policies can be compared document by document.
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

/// Checks, and how many came out right.
public struct TaskTally: Codable, Equatable, Sendable {
  /// Checks that came out right.
  public var hits = 0
  /// Checks made.
  public var checks = 0

  /// Nothing checked yet.
  public init() {}

  /// The share of hits; 0 if nothing was checked.
  public var share: Double { checks == 0 ? 0 : Double(hits) / Double(checks) }

  /// Adds both numbers.
  public static func += (tally: inout TaskTally, other: TaskTally) {
    tally.hits += other.hits
    tally.checks += other.checks
  }
}

/// Checks at some places of the true response.
public struct PlaceTally: Codable, Equatable, Sendable {
  /// The first place, in tokens from the beginning of the response.
  public var from: Int
  /// The place after the last.
  public var to: Int
  /// How its checks came out.
  public var tally: TaskTally
}

/// One document, and what each policy still held of it while it wrote its answer.
///
/// It is the first document of the seed that full attention answers without a fault, so that what a
/// policy gets wrong is what it forgot. If there is none among the first 32, it is the one of which
/// full attention passes the largest share of checks.
public struct TaskStory: Codable, Equatable, Sendable {
  /// The document's number among those of the seed and of kind `both`, from 0.
  public var document: Int
  /// The words of the prompt, one per token; the end of a line is `"\n"`.
  public var prompt: [String]
  /// Moments shown, ascending: so many tokens of the answer were written. The first is 0.
  public var moments: [Int]
  /// One per policy; the first is full attention.
  public var tellers: [Teller]

  /// What one policy wrote and held.
  public struct Teller: Codable, Equatable, Sendable {
    /// The policy's name.
    public var label: String
    /// Rows per lane that it was given; nil if it takes no budget or states its own sizes.
    public var budget: Int?
    /// The document's checks, and how many the answer passed; a check of words that were never
    /// written failed.
    public var tally: TaskTally
    /// The words of its answer.
    public var answer: [String]
    /// Indices in `answer` of words that are not those of the true answer's line.
    public var mistakes: [Int]
    /// For each moment one character per token that was read by then, prompt and answer: the share
    /// of lanes that still hold it, in ninths, `0` to `9`.
    public var kept: [String]
  }
}
