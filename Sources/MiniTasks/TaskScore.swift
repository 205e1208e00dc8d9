/// How a response did.
public struct TaskScore: Equatable, Sendable {
  /// One check, and how it came out.
  public struct Outcome: Equatable, Sendable {
    /// What was checked, and where.
    public let check: TaskCheck
    /// Whether the response has the item or answer at all; for completion, whether the list ends.
    public let isPresent: Bool
    /// Whether it is right.
    public let isHit: Bool
  }

  /// Every check, in the order of the true response.
  public let outcomes: [Outcome]
  /// Items that the list should have.
  public let items: Int
  /// Those of them that were written.
  public let itemsWritten: Int
  /// Words of constraints where none was called for.
  public let unaskedWords: Int

  /// The share of hits among the checks of a kind; what is missing counts as a miss. Nil if there are none.
  public func accuracy(_ kind: TaskCheck.Kind) -> Double? {
    let asked = outcomes.filter { $0.check.kind == kind }
    guard !asked.isEmpty else { return nil }
    return Double(asked.count { $0.isHit }) / Double(asked.count)
  }

  /// Whether nothing is wrong.
  public var isPerfect: Bool {
    itemsWritten == items && unaskedWords == 0 && outcomes.allSatisfy { $0.isHit }
  }
}
