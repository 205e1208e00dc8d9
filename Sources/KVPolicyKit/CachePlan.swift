/// A policy's answer: edits of lanes, as a value.
///
/// A plan accepts any number; the store refuses a plan that names a row the lane does not have.
///
/// Plans can be logged, compared and replayed. The store checks a plan against the cache and
/// carries out all of it or nothing. A lane that no edit names is left alone. All lists of rows lie
/// in one array, so a plan that is used again allocates nothing for edits of the same size.
public struct CachePlan: Hashable, Sendable {
  /// The part of the plan's numbers that belongs to one edit; ``rows(_:)`` reads it.
  public struct RowList: Hashable, Sendable {
    let first: Int
    /// How many numbers the list has.
    public let count: Int

    /// Whether the list is empty.
    public var isEmpty: Bool { count == 0 }
  }

  /// One edit. Its rows are indices into the lane as it was when the plan was made.
  public enum Edit: Hashable, Sendable {
    /// Forget these rows.
    case drop(LaneID, RowList)
    /// Forget all rows but these.
    case keep(LaneID, RowList)
    /// Let query head `head` of the group read only these rows for the output being computed. Needs
    /// phase `beforeOutput`. All rows stay stored, and attention reads no fewer bytes.
    case attend(LaneID, head: Int, RowList)
    /// Rotate the key of row `r` at the list's `r`-th position from now on. Needs position rule
    /// `placed`.
    case place(LaneID, RowList)

    /// The lane that the edit changes.
    public var lane: LaneID {
      switch self {
      case .drop(let lane, _), .keep(let lane, _), .attend(let lane, _, _), .place(let lane, _):
        lane
      }
    }
  }

  /// The edits, in the order they were written.
  public private(set) var edits: [Edit] = []
  /// The numbers of all edits, one edit after the other.
  @usableFromInline var numbers: [Int32] = []

  /// A plan that changes nothing.
  public init() {}

  /// Whether the plan has no edits.
  public var isEmpty: Bool { edits.isEmpty }

  /// The numbers of one of this plan's edits.
  ///
  /// - Precondition: the list is of this plan. A list of another plan reads other numbers, or traps
  ///   where this plan has none.
  @_lifetime(borrow self)
  public func rows(_ list: RowList) -> Span<Int32> {
    numbers.span.extracting(list.first..<list.first + list.count)
  }

  // Inlinable, so that the compiler specialises the loops for the caller's sequence: unspecialised,
  // they would allocate for each row.

  /// Forget `rows`; an empty sequence writes no edit.
  @inlinable
  public mutating func drop(_ rows: some Sequence<Int>, of lane: LaneID) {
    let first = numbers.count
    for row in rows { numbers.append(Int32(clamping: row)) }
    if numbers.count > first { note(drop: lane, from: first) }
  }

  /// Forget one row.
  public mutating func drop(_ row: Int, of lane: LaneID) {
    numbers.append(Int32(clamping: row))
    note(drop: lane, from: numbers.count - 1)
  }

  /// Forget all but `rows`.
  @inlinable
  public mutating func keep(_ rows: some Sequence<Int>, of lane: LaneID) {
    let first = numbers.count
    for row in rows { numbers.append(Int32(clamping: row)) }
    note(keep: lane, from: first)
  }

  /// Let one query head of the group read only `rows` for the output being computed.
  @inlinable
  public mutating func attend(_ rows: some Sequence<Int>, head: Int, of lane: LaneID) {
    let first = numbers.count
    for row in rows { numbers.append(Int32(clamping: row)) }
    note(attend: lane, head: head, from: first)
  }

  /// Place every row's key: `positions[row]` for each row of the lane.
  public mutating func place(_ positions: some Sequence<Int>, of lane: LaneID) {
    let first = numbers.count
    for position in positions { numbers.append(Int32(clamping: position)) }
    edits.append(.place(lane, numbers(from: first)))
  }

  @usableFromInline
  mutating func note(drop lane: LaneID, from first: Int) {
    edits.append(.drop(lane, numbers(from: first)))
  }

  @usableFromInline
  mutating func note(keep lane: LaneID, from first: Int) {
    edits.append(.keep(lane, numbers(from: first)))
  }

  @usableFromInline
  mutating func note(attend lane: LaneID, head: Int, from first: Int) {
    edits.append(.attend(lane, head: head, numbers(from: first)))
  }

  /// The list of the numbers written from index `first` on.
  private func numbers(from first: Int) -> RowList {
    RowList(first: first, count: numbers.count - first)
  }

  /// Empties the plan, keeping its memory.
  public mutating func removeAll() {
    edits.removeAll(keepingCapacity: true)
    numbers.removeAll(keepingCapacity: true)
  }
}
