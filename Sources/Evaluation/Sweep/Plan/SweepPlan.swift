public import KVPolicyKit

/// What a sweep measures: models × tasks × lengths × seeds × policies × budgets, as a JSON file
/// states it.
///
/// The page *Sweeps* explains the members.
public struct SweepPlan: Sendable {
  /// The models: `bundled`, or paths.
  public let models: [String]
  /// The policies by name, or with a configuration of their own.
  let policies: [Policy]
  /// The budgets of policies whose configuration does not state its own sizes.
  let budgets: [Budget]
  /// The tasks, each with its lengths, seeds and documents.
  let tasks: [Task]
  /// How prompts are read and rows are stored.
  public let options: SweepOptions

  /// A policy of a plan.
  struct Policy: Sendable {
    /// The policy's name in tables.
    let label: String
    /// The configuration; nil for a policy by name, which is its label.
    let configuration: PolicyConfiguration?

    /// The policy's name in the registry.
    var name: String { configuration?.main.policy ?? label }
  }

  /// A task of a plan.
  struct Task: Sendable {
    let task: any SweepTask
    let lengths: [Int]
    let seeds: [Int]
    let documents: Int
  }

  /// What a plan may ask for.
  enum Legal {
    static let lengths = 1...1 << 24
    static let seeds = 0...1 << 31
    static let documents = 1...1 << 16
    /// The most cells of a plan: with the shortest of documents they take days.
    static let cells = 1 << 20
  }

  /// The word for all policies that need no artifact.
  static let everyPolicy = "all"

  /// Documents of a cell, unless a plan says otherwise: enough for an interval to mean something.
  public static let defaultDocuments = 8

  /// Reads a plan.
  ///
  /// - Parameters:
  ///   - text: the JSON text.
  ///   - kinds: the tasks that the plan can name.
  ///   - locate: a configuration with the artifacts that it names.
  ///   - read: reads a text that a task names.
  /// - Throws: `SweepError.plan` for text that is no plan; what `locate` and `read` throw.
  public init(
    parsing text: String, kinds: [SweepTaskKind] = SweepTaskKind.all,
    locate: (PolicyConfiguration) throws -> PolicyConfiguration = { $0 },
    read: (_ path: String) throws -> SweepText
  ) throws {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(text)
    } catch {
      throw SweepError.plan("it is not valid JSON: \(error)")
    }
    try self.init(value, kinds: kinds, locate: locate, read: read)
  }

  init(
    _ value: JSONValue, kinds: [SweepTaskKind],
    locate: (PolicyConfiguration) throws -> PolicyConfiguration,
    read: (_ path: String) throws -> SweepText
  ) throws {
    var reader = try MemberReader(value, place: "plan") { SweepError.plan($0) }
    models = try SweepPlan.names(try reader.list("models", of: "models"), "models")
    policies = try SweepPlan.policies(try reader.list("policies", of: "policies"), locate)
    budgets = try SweepPlan.budgets(&reader)
    options = try reader.optional("options").map { try SweepOptions($0) } ?? SweepOptions()
    let sizes = try Sizes(&reader, default: nil)
    let entries = try reader.list("tasks", of: "tasks")
    try reader.refuseUnknown()
    tasks = try entries.enumerated().map { number, entry in
      try SweepPlan.task(entry, place: "tasks[\(number)]", sizes, kinds, read)
    }
  }

  /// Different texts that are not empty.
  private static func names(_ values: [JSONValue], _ name: String) throws(SweepError) -> [String] {
    var names: [String] = []
    for value in values {
      guard case .string(let text) = value, !text.isEmpty else {
        throw .plan("'\(name)' has \(value.excerpt); it must be a list of texts")
      }
      guard !names.contains(text) else { throw .plan("'\(name)' has '\(text)' twice") }
      names.append(text)
    }
    return names
  }

  private static func policies(
    _ values: [JSONValue], _ locate: (PolicyConfiguration) throws -> PolicyConfiguration
  ) throws -> [Policy] {
    var policies: [Policy] = []
    for (number, value) in values.enumerated() {
      let policy: Policy
      switch value {
      case .string(let name): policy = Policy(label: name, configuration: nil)
      case .object(var members):
        var label: String?
        if let given = members.removeValue(forKey: "label") {
          guard case .string(let text) = given, !text.isEmpty else {
            throw SweepError.plan("'label' of 'policies[\(number)]' must be text")
          }
          label = text
        }
        let configuration = try locate(PolicyConfiguration(.object(members)))
        policy = Policy(label: label ?? configuration.main.policy, configuration: configuration)
      default:
        throw SweepError.plan(
          "'policies[\(number)]' is \(value.excerpt); it must be a policy's name or a configuration"
        )
      }
      guard !policies.contains(where: { $0.label == policy.label }) else {
        throw SweepError.plan(
          "two policies are called '\(policy.label)'; give a configuration another \"label\"")
      }
      policies.append(policy)
    }
    return policies
  }

  private static func budgets(
    _ reader: inout MemberReader<SweepError>
  ) throws(SweepError) -> [Budget] {
    guard reader.optional("budgets") != nil else { return [] }
    var budgets: [Budget] = []
    for value in try reader.list("budgets", of: "budgets") {
      let budget = try Budget(value, named: "a budget of the plan")
      guard !budgets.contains(where: { $0.text == budget.text }) else {
        throw .plan("'budgets' has \(budget.text) twice; leave one out")
      }
      budgets.append(budget)
    }
    return budgets
  }

  private static func task(
    _ entry: JSONValue, place: String, _ sizes: Sizes, _ kinds: [SweepTaskKind],
    _ read: (_ path: String) throws -> SweepText
  ) throws -> Task {
    let object: JSONValue = if case .string = entry { ["task": entry] } else { entry }
    var reader = try MemberReader(object, place: place) { SweepError.plan($0) }
    let name = try reader.text("task")
    guard let kind = kinds.first(where: { $0.name == name }) else {
      let names = kinds.map(\.name)
      throw SweepError.plan(
        "'\(place)' names the task '\(name)'\(suggestion(for: name, among: names)); there are "
          + names.joined(separator: ", "))
    }
    let own = try Sizes(&reader, default: sizes)
    let task = try kind.make(&reader, read)
    try reader.refuseUnknown()
    guard let lengths = own.lengths else {
      throw SweepError.plan("'\(place)' has no 'lengths', and neither has the plan; give them")
    }
    return Task(
      task: task, lengths: lengths, seeds: own.seeds ?? [0],
      documents: own.documents ?? defaultDocuments)
  }
}

/// The lengths, seeds and documents of a plan, or of one of its tasks.
private struct Sizes {
  let lengths: [Int]?
  let seeds: [Int]?
  let documents: Int?

  /// Reads the members that are given; `standard` has the others.
  init(_ reader: inout MemberReader<SweepError>, default standard: Sizes?) throws(SweepError) {
    lengths =
      try reader.optional("lengths") == nil
      ? standard?.lengths : reader.integers("lengths", in: SweepPlan.Legal.lengths)
    seeds =
      try reader.optional("seeds") == nil
      ? standard?.seeds : reader.integers("seeds", in: SweepPlan.Legal.seeds)
    documents =
      try reader.optional("documents") == nil
      ? standard?.documents : reader.integer("documents", in: SweepPlan.Legal.documents)
  }
}
