import KVPolicyKit

/// One policy to run: what it is called, its configuration, and what it was told of a budget.
public struct PolicyEntry: Equatable, Sendable {
  /// Its name in tables.
  public var label: String
  /// Its configuration.
  public var configuration: PolicyConfiguration
  /// Rows per lane that it was given; nil where it has no budget.
  public let budget: Int?
  /// Whether it takes a budget: true if it was given one, false if the policy has no use for it.
  ///
  /// Nil if none was offered, because the configuration states its own sizes.
  public let takesBudget: Bool?

  /// An entry whose configuration spends `budget`, or states its own sizes if that is nil.
  ///
  /// By default it is named after its policy.
  public init(_ configuration: PolicyConfiguration, label: String? = nil, budget: Int? = nil) {
    self.init(
      configuration, label: label, budget: budget, takesBudget: budget == nil ? nil : true)
  }

  /// An entry of a policy that takes no budget.
  public init(withoutBudget configuration: PolicyConfiguration, label: String? = nil) {
    self.init(configuration, label: label, budget: nil, takesBudget: false)
  }

  private init(
    _ configuration: PolicyConfiguration, label: String?, budget: Int?, takesBudget: Bool?
  ) {
    self.configuration = configuration
    self.label = label ?? configuration.main.policy
    self.budget = budget
    self.takesBudget = takesBudget
  }
}
