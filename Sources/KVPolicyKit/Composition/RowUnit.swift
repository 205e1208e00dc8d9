/// What stays or goes together.
public protocol RowUnit: PolicyPart {
  /// Whether all lanes of a layer keep the same rows, chosen by the sums of their scores. Default:
  /// each lane chooses for itself.
  var isSharedByHeads: Bool { get }
  /// How many neighbouring layers forget the same rows: those that the first of them chooses, by
  /// its scores and its budget. Where a policy decides about some of these layers only, the first
  /// of them leads. Default: 1, so that each layer chooses for itself.
  var layers: Int { get }

  /// The rows that stay, as ascending indices into `lane.rows`. Protected rows stay even if they
  /// are not chosen.
  ///
  /// - Parameters:
  ///   - count: how many rows the budget allows, protected ones included; at most all.
  ///   - lane: the rows and their scores.
  func choose(_ count: Int, of lane: borrowing Candidates) -> [Int]
}

extension RowUnit {
  /// Each lane chooses for itself.
  public var isSharedByHeads: Bool { false }
  /// Each layer chooses for itself.
  public var layers: Int { 1 }
}

/// Rows stay or go one by one.
public struct SingleRows: RowUnit {
  /// The name in configurations.
  public static let name = "row"
  /// What the part does.
  public static let summary = "each row stays or goes by itself"

  /// Has no settings.
  public init(_ settings: inout Settings) throws(PolicyError) {}

  /// The best rows.
  public func choose(_ count: Int, of lane: borrowing Candidates) -> [Int] { lane.best(count) }
}
