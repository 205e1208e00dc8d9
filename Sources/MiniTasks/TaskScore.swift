/// The score of a response.
public struct TaskScore: Equatable, Sendable {
  /// A check and its outcome.
  public struct Outcome: Equatable, Sendable {
    /// The check.
    public let check: TaskCheck
    /// Whether the response has the item or answer at all; for completion, whether the list ends.
    public let isPresent: Bool
    /// Whether the check succeeded.
    public let isHit: Bool
  }

  /// The outcome of every check, in the order of the true response.
  public let outcomes: [Outcome]
  /// The number of items that the list should have.
  public let items: Int
  /// The number of these items that the response has.
  public let itemsWritten: Int
  /// The number of constraint words at indices where no constraint holds.
  public let unaskedWords: Int

  /// The share of hits among the checks of a kind. A missing item or answer counts as a miss. Nil
  /// if there are no checks of the kind.
  public func accuracy(_ kind: TaskCheck.Kind) -> Double? {
    let asked = outcomes.filter { $0.check.kind == kind }
    guard !asked.isEmpty else { return nil }
    return Double(asked.count { $0.isHit }) / Double(asked.count)
  }

  /// Whether the response has no mistakes.
  public var isPerfect: Bool {
    itemsWritten == items && unaskedWords == 0 && outcomes.allSatisfy { $0.isHit }
  }
}
