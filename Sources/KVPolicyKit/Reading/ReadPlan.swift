/// A reader's answer: the rows that a layer's queries read in one step, as a value.
///
/// A plan accepts any number; the sequence refuses a plan that names a row the lane does not have.
/// The queries of a lane that no list names read all rows of the lane.
public struct ReadPlan: Hashable, Sendable {
  /// One list of the plan.
  struct List: Hashable, Sendable {
    /// The lane whose rows the list names.
    let lane: LaneID
    /// The query head of the group that reads them; nil if the group shares the list.
    let head: Int?
    /// Whether the numbers are pages of the reader's digest, else rows.
    let isPages: Bool
    /// Where the numbers are.
    let numbers: Range<Int>
  }

  private(set) var lists: [List] = []
  /// The numbers of all lists, one list after the other.
  @usableFromInline var numbers: [Int32] = []

  /// A plan under which every row is read.
  public init() {}

  /// Whether every row is read.
  public var isEmpty: Bool { lists.isEmpty }

  // Inlinable, so that the compiler specialises the loops for the caller's sequence, as in
  // `CachePlan`.

  /// Reads these rows of a lane, in this order.
  ///
  /// Where query heads of a group have lists of their own, attention passes over the lane once for
  /// each head; a shared list takes one pass for the group.
  ///
  /// - Parameters:
  ///   - rows: row numbers of the lane; at least one, none twice.
  ///   - lane: a lane of the layer that the reader is asked about.
  ///   - head: the query head of the group that reads the rows; nil for all of them.
  @inlinable
  public mutating func read(
    rows: some Sequence<Int>, of lane: LaneID, head: Int? = nil
  ) {
    let first = numbers.count
    for row in rows { numbers.append(Int32(clamping: row)) }
    note(lane, head, isPages: false, from: first)
  }

  /// Reads the rows of these pages of a lane, in this order; ``LaneView/pageCount`` tells how many
  /// pages there are.
  ///
  /// - Parameters:
  ///   - pages: pages of the reader's digest, by index; at least one, none twice.
  ///   - lane: a lane of the layer that the reader is asked about.
  ///   - head: the query head of the group that reads the rows; nil for all of them.
  @inlinable
  public mutating func read(
    pages: some Sequence<Int>, of lane: LaneID, head: Int? = nil
  ) {
    let first = numbers.count
    for page in pages { numbers.append(Int32(clamping: page)) }
    note(lane, head, isPages: true, from: first)
  }

  @usableFromInline
  mutating func note(_ lane: LaneID, _ head: Int?, isPages: Bool, from first: Int) {
    lists.append(List(lane: lane, head: head, isPages: isPages, numbers: first..<numbers.count))
  }

  /// Empties the plan, keeping its memory.
  mutating func removeAll() {
    lists.removeAll(keepingCapacity: true)
    numbers.removeAll(keepingCapacity: true)
  }
}
