import KVPolicyKit

extension SweepPlan {
  /// The plan whose only cell, beside full attention's, is that of a record.
  ///
  /// - Parameters:
  ///   - record: the record.
  ///   - model: the model, if it lies elsewhere now.
  ///   - kinds: the tasks that the record can name.
  ///   - locate: a configuration with the artifacts that it names.
  ///   - read: reads a text that a task names.
  /// - Throws: as ``init(parsing:kinds:locate:read:)``.
  public init(
    repeating record: SweepRecord, model: String? = nil,
    kinds: [SweepTaskKind] = SweepTaskKind.all,
    locate: (PolicyConfiguration) throws -> PolicyConfiguration = { $0 },
    read: (_ path: String) throws -> SweepText
  ) throws {
    let cell = record.cell
    let policy: JSONValue
    if cell.policy.takesBudget != nil {
      policy = .string(cell.policy.label)
    } else {
      guard case .object(var members) = cell.policy.configuration else {
        throw SweepError.results("the record's configuration is no object")
      }
      members["label"] = .string(cell.policy.label)
      policy = .object(members)
    }
    var task: [String: JSONValue] = [
      "task": .string(cell.task.name), "lengths": [JSONValue(cell.length)],
      "seeds": [JSONValue(cell.seed)], "documents": JSONValue(cell.documents),
    ]
    if case .object(let settings) = cell.task.settings {
      for (name, value) in settings { task[name] = SweepPlan.asPlanned(value) }
    }
    var plan: [String: JSONValue] = [
      "models": [.string(model ?? cell.model.source)], "policies": [policy],
      "tasks": [.object(task)], "options": cell.options.value,
    ]
    if let budget = cell.budget.asked { plan["budgets"] = [.string(budget)] }
    try self.init(.object(plan), kinds: kinds, locate: locate, read: read)
  }

  /// A task's setting as plans state it: records have a text's digest beside its path, and the
  /// built-in text has no path in a plan.
  private static func asPlanned(_ setting: JSONValue) -> JSONValue? {
    guard case .object(let members) = setting, members["sha256"] != nil, let file = members["file"]
    else { return setting }
    return file == .string(BuiltInText.name) ? nil : file
  }
}
