/// How many rows each lane keeps.
public protocol RowBudget: PolicyPart {
  /// Which lanes share the budget: the lanes of one layer, or all lanes. Default: one layer.
  var scope: Scope { get }

  /// For each lane of the request, how many of its rows stay, the protected ones included. A lane
  /// keeps no more rows than it has, and never loses a protected one.
  func shares(_ request: borrowing BudgetRequest) -> [Int]
}

extension RowBudget {
  /// The lanes of one layer share.
  public var scope: Scope { .layer }
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
