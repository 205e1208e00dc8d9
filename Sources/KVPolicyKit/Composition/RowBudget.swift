/// How many rows each lane of a layer keeps.
public protocol RowBudget: PolicyPart {
  /// The setting by which the budget multiplies scores, which must then not be negative; nil if it
  /// does not multiply them. Default: nil.
  var multiplies: String? { get }

  /// For each lane of the request, how many of its rows stay, the protected ones included. A lane
  /// keeps no more rows than it has, and never loses a protected one.
  func shares(_ request: borrowing BudgetRequest) -> [Int]
}

extension RowBudget {
  /// Scores are not multiplied.
  public var multiplies: String? { nil }
}

/// Every lane keeps the same number of rows.
public struct EvenBudget: RowBudget {
  /// The name in configurations.
  public static let name = "even"
  /// What the part does.
  public static let summary = "the same number of rows in every lane"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// The capacity, for every lane.
  public func shares(_ request: borrowing BudgetRequest) -> [Int] {
    Array(repeating: request.capacity, count: request.lanes.count)
  }
}
