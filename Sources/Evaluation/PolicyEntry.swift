import KVPolicyKit

/// One policy to run: its name in tables, its configuration, and its budget.
public struct PolicyEntry: Equatable, Sendable, Budgeted {
  /// The policy's name in tables.
  public var label: String
  /// The policy's configuration.
  public var configuration: PolicyConfiguration
  /// The budget in rows per lane; nil if the policy was given none.
  public let budget: Int?
  /// The budget in bytes per sequence, of which `budget` rows are what they pay for; nil if the
  /// budget was not given in bytes.
  public let budgetBytes: Int?
  /// Whether the policy takes a budget: true if it was given one, false if it has no use for a
  /// budget.
  ///
  /// Nil if no budget was offered, because the configuration states its own sizes.
  public let takesBudget: Bool?

  /// An entry whose configuration spends `budget`, or states its own sizes if `budget` is nil.
  ///
  /// - Parameters:
  ///   - configuration: the policy's configuration.
  ///   - label: the policy's name in tables; by default its name in configurations.
  ///   - budget: the budget in rows per lane.
  ///   - bytes: the budget in bytes per sequence, if it was given in bytes.
  public init(
    _ configuration: PolicyConfiguration, label: String? = nil, budget: Int? = nil,
    bytes: Int? = nil
  ) {
    self.init(
      configuration, label: label, budget: budget, bytes: bytes,
      takesBudget: budget == nil ? nil : true)
  }

  /// An entry of a policy that takes no budget.
  public init(withoutBudget configuration: PolicyConfiguration, label: String? = nil) {
    self.init(configuration, label: label, budget: nil, bytes: nil, takesBudget: false)
  }

  private init(
    _ configuration: PolicyConfiguration, label: String?, budget: Int?, bytes: Int?,
    takesBudget: Bool?
  ) {
    self.configuration = configuration
    self.label = label ?? configuration.main.policy
    self.budget = budget
    budgetBytes = bytes
    self.takesBudget = takesBudget
  }
}
