/// A codec's answer: the keys and values that become codes, as a value.
///
/// A plan accepts any number; the sequence refuses a plan that names a row the lane does not have,
/// a row twice, or keys that do not fill the groups of their tier.
public struct CodePlan: Sendable {
  /// One edit: some keys, or some values, of a lane.
  package struct Edit: Hashable, Sendable {
    package let lane: LaneID
    package let tier: Int
    package let isValues: Bool
    /// Where the row numbers are.
    let numbers: Range<Int>
  }

  package private(set) var edits: [Edit] = []
  /// The maps of lanes' keys.
  package private(set) var maps: [(lane: LaneID, map: KeyMap)] = []
  /// The row numbers of all edits, one edit after the other.
  @usableFromInline var numbers: [Int32] = []

  /// A plan that changes nothing.
  public init() {}

  /// The row numbers of an edit of the plan.
  package func rows(of edit: Edit) -> [Int] { numbers[edit.numbers].map { Int($0) } }

  /// Whether the plan has no edits.
  public var isEmpty: Bool { edits.isEmpty && maps.isEmpty }

  /// Store only what `map` says of a lane's keys that become codes, in this plan and from now on. A
  /// lane's map is frozen, and comes before the lane's first coded keys.
  public mutating func map(keys map: KeyMap, of lane: LaneID) { maps.append((lane, map)) }

  /// Store the keys of these rows as codes of a tier. Groups of a channel are formed in the order
  /// of `rows`. Keys that are codes already are decoded, and then coded in this tier.
  @inlinable
  public mutating func code(keys rows: some Sequence<Int>, of lane: LaneID, tier: Int = 0) {
    let first = numbers.count
    for row in rows { numbers.append(Int32(clamping: row)) }
    note(lane, tier, isValues: false, from: first)
  }

  /// Store the values of these rows as codes of a tier.
  @inlinable
  public mutating func code(values rows: some Sequence<Int>, of lane: LaneID, tier: Int = 0) {
    let first = numbers.count
    for row in rows { numbers.append(Int32(clamping: row)) }
    note(lane, tier, isValues: true, from: first)
  }

  @usableFromInline
  mutating func note(_ lane: LaneID, _ tier: Int, isValues: Bool, from first: Int) {
    guard numbers.count > first else { return }
    edits.append(
      Edit(lane: lane, tier: tier, isValues: isValues, numbers: first..<numbers.count))
  }

  /// Empties the plan, keeping its memory.
  mutating func removeAll() {
    edits.removeAll(keepingCapacity: true)
    maps.removeAll(keepingCapacity: true)
    numbers.removeAll(keepingCapacity: true)
  }
}
