/// What the queries of a decode step read of the rows that a cache holds.
///
/// A policy forgets; a reader does not. Before the logits of a step are computed it names rows, and
/// attention reads the keys and values of these rows only. A configuration gives any policy a
/// reader, `{"policy": "snapkv", "read": {"kind": "quest", "budget": 512}}`. As a ``ReaderPolicy``
/// a reader is a policy of its own name, which forgets nothing.
///
/// Prompts are always read whole. Readers need position rule `original`, and layers whose policy
/// does not decide before the output.
public protocol RowReader: PolicyPart {
  /// Where the method was published.
  static var source: String { get }
  /// The settings that make a step read this many rows of each lane, for comparing policies at
  /// equal size.
  ///
  /// - Throws: `PolicyError.impossible` if the reader cannot work with so few rows.
  static func settings(rows: Int) throws(PolicyError) -> [String: JSONValue]

  /// The signals that ``prefill(_:)`` and ``step(_:)`` need. ``read(_:plan:)`` is always lent the
  /// step's queries. Default: none.
  ///
  /// A reader may ask for one of the last queries at most, because its layer's policy would be
  /// shown the other queries too. ``Signal/stepLogits`` and ``Signal/stepProbabilities`` are
  /// computed for the reader in steps that read the layer whole, and in no others: a part of the
  /// rows says little about the rest.
  var signals: Set<Signal> { get }
  /// Numbers attached to every row. The views that a reader is lent count its columns from 0.
  /// Default: none.
  func columns(for shape: CacheShape) -> [Column]
  /// The pages of positions whose keys the store keeps bounds of; nil for none. Default: nil.
  var digest: PageDigest? { get }
  /// Bytes of state outside the columns and digests. Default: 0.
  var stateBytes: Int { get }

  /// Looks at a layer after a chunk of the prompt, as ``KVCachePolicy/prefill(_:)`` and after it.
  /// Default: nothing.
  mutating func prefill(_ layer: borrowing LayerView)
  /// Says what a layer's queries read in a step. The new token's row is the lane's row of the
  /// latest position; it is read only if the plan names it. If the plan stays empty, every row is
  /// read.
  ///
  /// The view lends the step's rotated queries (``LaneView/query(_:head:_:)``), and no signals.
  mutating func read(_ layer: borrowing LayerView, plan: inout ReadPlan)
  /// Looks at a layer during a decode step, as ``KVCachePolicy/step(_:)`` and after it, but at
  /// every step. Default: nothing.
  mutating func step(_ layer: borrowing LayerView)
}

extension RowReader {
  /// No signal is needed.
  public var signals: Set<Signal> { [] }
  /// No numbers are attached to rows.
  public func columns(for shape: CacheShape) -> [Column] { [] }
  /// No bounds are kept.
  public var digest: PageDigest? { nil }
  /// No state outside the columns.
  public var stateBytes: Int { 0 }
  /// Does nothing.
  public mutating func prefill(_ layer: borrowing LayerView) {}
  /// Does nothing.
  public mutating func step(_ layer: borrowing LayerView) {}

  /// Bytes that the reader adds to a row: those of its columns and, where every page is full, the
  /// row's part of the bounds, rounded up.
  package func bytesPerRow(_ shape: CacheShape, _ format: RowFormat) -> Int {
    let page = digest.map { PageBounds.bytes(width: shape.headDimension, format) / $0.rows + 1 }
    return columns(for: shape).reduce(page ?? 0) { total, column in
      let (sum, overflows) = total.addingReportingOverflow(column.rowBytes)
      return overflows ? .max : sum
    }
  }
}

/// A policy that reads only a part of what it keeps.
public protocol ReadingPolicy: KVCachePolicy {
  /// What says which part.
  var reader: any RowReader { get }
}

/// The policy of a reader under the reader's own name: it forgets nothing, and a budget is the rows
/// that a step reads of each lane.
public struct ReaderPolicy<Reader: RowReader>: ReadingPolicy {
  /// The reader's name.
  public static var name: String { Reader.name }
  /// What the reader reads.
  public static var summary: String { Reader.summary }
  /// Where the reader was published.
  public static var source: String { Reader.source }

  /// The reader.
  public let reader: any RowReader

  /// Reads the reader's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    reader = try Reader(&settings)
  }

  /// The budget is the rows that a step reads.
  public static func settings(budget: Amount) throws(PolicyError) -> [String: JSONValue]? {
    try Reader.settings(rows: budget.rows)
  }

  /// Never asked.
  public var cadence: Cadence { .never }

  /// Never called.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

extension Settings {
  /// The reader that a configuration gives its policy; nil if every row is read.
  mutating func reader() throws(PolicyError) -> (any RowReader)? {
    let readers = parts.readers
    return try part(
      "read", default: "everything", ["everything"] + readers.map { $0.name },
      "what a decode step reads of the rows that are kept"
    ) { index, settings throws(PolicyError) -> (any RowReader)? in
      index == 0 ? nil : try readers[index - 1].init(&settings)
    }
  }
}
