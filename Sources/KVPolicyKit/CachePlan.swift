/// What a policy answers: edits of lanes, as a value.
///
/// Any number may be written; one that is no row of the lane makes a plan that the store refuses.
///
/// Plans can be logged, compared and replayed. The store checks a plan against the cache and carries it
/// out whole or not at all. A lane that no edit names is left alone.
public struct CachePlan: Hashable, Sendable {
  /// One edit. Its rows are indices into the lane as it was when the plan was made.
  public enum Edit: Hashable, Sendable {
    /// Forget these rows.
    case drop(LaneID, rows: [Int32])
    /// Forget one row: what a constant-size policy does every step.
    case dropOne(LaneID, row: Int32)
    /// Forget all rows but these.
    case keep(LaneID, rows: [Int32])
    /// Let query head `head` of the group read only these rows for the output being computed. Needs
    /// phase `beforeOutput`; forgets nothing.
    case attend(LaneID, head: Int, rows: [Int32])
    /// Rotate each row's key at this position from now on. Needs position rule `placed`.
    case place(LaneID, positions: [Int32])
  }

  /// The edits, in the order they were written.
  public private(set) var edits: [Edit] = []

  /// A plan that changes nothing.
  public init() {}

  /// Whether nothing changes.
  public var isEmpty: Bool { edits.isEmpty }

  // Inlinable: compiled once for every kind of sequence, `map` would allocate for each row.

  /// Forget `rows`; nothing is written for none.
  @inlinable
  public mutating func drop(_ rows: some Sequence<Int>, of lane: LaneID) {
    let rows = rows.map { Int32(clamping: $0) }
    if !rows.isEmpty { append(.drop(lane, rows: rows)) }
  }

  /// Forget one row. Allocates nothing once the plan has been used.
  public mutating func drop(_ row: Int, of lane: LaneID) {
    append(.dropOne(lane, row: Int32(clamping: row)))
  }

  /// Forget all but `rows`.
  @inlinable
  public mutating func keep(_ rows: some Sequence<Int>, of lane: LaneID) {
    append(.keep(lane, rows: rows.map { Int32(clamping: $0) }))
  }

  /// Let one query head of the group read only `rows` for the output being computed.
  @inlinable
  public mutating func attend(_ rows: some Sequence<Int>, head: Int, of lane: LaneID) {
    append(.attend(lane, head: head, rows: rows.map { Int32(clamping: $0) }))
  }

  /// Place every row's key: `positions[row]` for each row of the lane.
  public mutating func place(_ positions: [Int], of lane: LaneID) {
    append(.place(lane, positions: positions.map { Int32(clamping: $0) }))
  }

  @usableFromInline
  mutating func append(_ edit: Edit) { edits.append(edit) }

  /// Empties the plan, keeping its memory.
  public mutating func removeAll() { edits.removeAll(keepingCapacity: true) }
}
