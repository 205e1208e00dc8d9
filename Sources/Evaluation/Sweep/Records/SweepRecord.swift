public import KVPolicyKit
public import ReferenceModel
import Reporting

/// The results of one cell: one line of a results file.
///
/// All members except ``origin`` and ``times`` depend on ``cell`` alone. The page *Sweeps* lists
/// the members with their units.
public struct SweepRecord: Codable, Equatable, Sendable {
  /// The version of this layout. It changes when a member changes its meaning or goes.
  public static let schema = 1

  /// ``schema`` of the program that wrote the record.
  public var schema = SweepRecord.schema
  /// ``SweepCell/id``.
  public var id: String
  /// What was measured.
  public var cell: SweepCell
  /// The measurements of every document, in order.
  public var documents: [SweepDocument]
  /// The documents together.
  public var sums: SweepSums
  /// Who measured, and where.
  public var origin: Origin
  /// Seconds and speeds, which vary from run to run.
  public var times: SweepTimes

  /// Who measured, and where.
  public struct Origin: Codable, Equatable, Sendable {
    /// The version of the program.
    public var version: String
    /// The instructions of the build, as `kvpolicy --version` names them. Sums of two builds differ
    /// in their last bits.
    public var build: String
    /// The name of the machine.
    public var host: String
    /// Threads that worked on a document.
    public var threads: Int
    /// Documents that were read at the same time.
    public var jobs: Int
    /// The cell's place in its plan, from 0. Merged records are in this order.
    public var place: Int
  }

  /// The record as one line of a results file, with the line end.
  public func line() throws -> String { try ReportText.json(self, layout: []) }
}

/// A score of one document or of several: the sum of equal parts, and their number.
///
/// A share of right answers counts hits in checks, a perplexity sums the nats of predictions. So
/// scores of documents can be added, and a mean weighs every check or prediction the same.
public struct SweepScore: Codable, Equatable, Sendable {
  /// The sum.
  public var sum: Double
  /// The number of parts.
  public var count: Int

  /// A score; by default an empty one.
  public init(sum: Double = 0, count: Int = 0) { (self.sum, self.count) = (sum, count) }

  /// The mean of the parts; 0 without parts.
  public var mean: Double { count == 0 ? 0 : sum / Double(count) }

  /// Adds another score's parts. Counts from a file may be of any size; a sum that no integer holds
  /// is the largest integer.
  public static func += (score: inout SweepScore, other: SweepScore) {
    score.sum += other.sum
    let (sum, overflows) = score.count.addingReportingOverflow(other.count)
    score.count = overflows ? .max : sum
  }

  /// Adds one part.
  mutating func add(_ part: Double) {
    sum += part
    count += 1
  }
}

/// The measurements of one document.
public struct SweepDocument: Codable, Equatable, Sendable {
  /// The document's number among the seed's documents, from 0.
  public var number = 0
  /// Where the evidence is in the context, in percent; nil if a task has none or several places.
  public var depth: Double?
  /// Tokens of all prompts.
  public var promptTokens: Int
  /// Tokens that were written, or forced, after the prompts.
  public var decodeTokens: Int
  /// The scores by name.
  public var scores: [String: SweepScore]
  /// The scores by position, in order.
  public var stretches: [Stretch]
  /// What the cache held at the end, and at most.
  public var cache: CacheStatistics
  /// Bytes of a policy's own state that came while the document was read and that `cache` does not
  /// count, found by looking into the policy. Scratch memory of a policy is among them.
  public var uncountedBytes: Int

  /// The scores of a stretch of the document.
  public struct Stretch: Codable, Equatable, Sendable {
    /// The first position: of the document for a text, of the true response for a task.
    public var from: Int
    /// The position after the last one.
    public var to: Int
    /// The scores by name.
    public var scores: [String: SweepScore]
  }
}

/// The documents of a cell together.
public struct SweepSums: Codable, Equatable, Sendable {
  /// The scores by name, added.
  public var scores: [String: SweepScore]
  /// Tokens of all prompts.
  public var promptTokens: Int
  /// Tokens that were written or forced.
  public var decodeTokens: Int
  /// Rows per lane at the end, on average over lanes and documents.
  public var rowsPerLane: Double
  /// Rows per lane that a step read, on average; nil if steps read everything.
  public var readRows: Double?
  /// Bytes that the attention of a step read, on average; nil if steps read everything.
  public var readBytes: Double?
  /// Bytes of pages, columns, bookkeeping and policy state at the end, on average.
  public var residentBytes: Double
  /// These bytes on average over steps and documents.
  public var meanResidentBytes: Double
  /// The most of these bytes at any time of any document.
  public var peakResidentBytes: Int
  /// The part of `residentBytes` that the policy causes.
  public var policyStateBytes: Double
  /// Rows × time, divided by the rows × time of full attention, on average.
  public var footprint: Double
  /// The most rows stored at once, divided by the rows of full attention at the end, on average.
  public var peakFootprint: Double
  /// The budget as spent, divided by the budget as asked for; nil without a budget.
  ///
  /// What a sequence held at the end is spent: bytes of a budget in bytes, else rows. Rows that
  /// decode steps added do not count for a policy that keeps all of them. A policy that reads a
  /// part of what it holds spends the rows that a step reads.
  public var spent: Double?

  /// The documents of a cell together; not empty.
  init(_ documents: [SweepDocument], of cell: SweepCell) {
    let caches = documents.map(\.cache)
    func mean(_ value: (CacheStatistics) -> Double) -> Double {
      caches.reduce(0) { $0 + value($1) } / Double(caches.count)
    }
    scores = documents.reduce(into: [:]) { sums, document in
      for (name, score) in document.scores { sums[name, default: SweepScore()] += score }
    }
    promptTokens = documents.reduce(0) { $0 + $1.promptTokens }
    decodeTokens = documents.reduce(0) { $0 + $1.decodeTokens }
    let lanes = Double(cell.model.layers * cell.model.keyHeads)
    rowsPerLane = mean { Double($0.rowsLive) } / lanes
    readRows = caches.meanReadRows
    readBytes = caches.meanReadBytes.map { Double($0) }
    residentBytes = mean { Double($0.residentBytes) }
    meanResidentBytes = mean { Double($0.meanResidentBytes) }
    peakResidentBytes = caches.map(\.peakResidentBytes).max() ?? 0
    policyStateBytes = mean { Double($0.policyStateBytes) }
    footprint = mean(\.footprint)
    peakFootprint = mean(\.peakFootprint)
    let added = cell.policy.grows ? Double(decodeTokens) / Double(documents.count) : 0
    if let readRows {
      spent = cell.budget.rows.map { readRows / Double($0) }
    } else if let bytes = cell.budget.bytes {
      let grown = residentBytes * added / max(1, rowsPerLane)
      spent = (residentBytes - grown) / Double(bytes)
    } else {
      spent = cell.budget.rows.map { (rowsPerLane - added) / Double($0) }
    }
  }
}

/// The seconds and speeds of a cell: processor time of the thread that read a document.
public struct SweepTimes: Codable, Equatable, Sendable {
  /// Seconds of a document's first prompt, on average.
  public var firstTokenSeconds: Double
  /// Prompt tokens per second.
  public var promptTokensPerSecond: Double
  /// Written or forced tokens per second.
  public var decodeTokensPerSecond: Double
  /// Seconds in hooks and plans, summed over all documents.
  public var hooks: PolicyTime
  /// The seconds of every document.
  public var documents: [Document]

  /// The seconds of one document.
  public struct Document: Codable, Equatable, Sendable {
    /// Seconds of the first prompt.
    public var firstTokenSeconds = 0.0
    /// Seconds of all prompts.
    public var promptSeconds = 0.0
    /// Seconds of the tokens that were written or forced.
    public var decodeSeconds = 0.0
    /// Seconds in hooks and plans.
    public var hooks = PolicyTime()
  }

  init(_ times: [Document], of documents: [SweepDocument]) {
    // Avoids a division by zero if the clock is too coarse to see the run.
    let promptSeconds = max(1e-9, times.reduce(0) { $0 + $1.promptSeconds })
    let decodeSeconds = max(1e-9, times.reduce(0) { $0 + $1.decodeSeconds })
    firstTokenSeconds = times.reduce(0) { $0 + $1.firstTokenSeconds } / Double(max(1, times.count))
    promptTokensPerSecond = Double(documents.reduce(0) { $0 + $1.promptTokens }) / promptSeconds
    decodeTokensPerSecond = Double(documents.reduce(0) { $0 + $1.decodeTokens }) / decodeSeconds
    hooks = times.reduce(PolicyTime()) { $0 + $1.hooks }
    self.documents = times
  }
}
