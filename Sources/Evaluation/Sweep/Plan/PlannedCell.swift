import KVPolicyKit
import ReferenceModel

/// A cell that can be run.
public struct PlannedCell: Sendable {
  /// What the record says.
  public let cell: SweepCell
  /// The cell's name.
  public let id: String
  /// The cell's place in the plan, from 0.
  public let place: Int
  /// The number of the model among the plan's models.
  let model: Int
  let task: any SweepTask
  let configuration: PolicyConfiguration
}

extension SweepPlan {
  /// The cells in the order of models, tasks, lengths, seeds, policies and budgets. Full attention
  /// comes first everywhere, because other policies are compared with it.
  ///
  /// A policy that takes no budget has one cell and not one for every budget; a task without seeds
  /// has one cell and not one for every seed.
  ///
  /// - Parameters:
  ///   - opened: the opened models of the plan, in order.
  ///   - registry: the policies that the plan can name.
  /// - Throws: `SweepError.plan` and what tasks throw for sizes that cannot be; `PolicyError` for a
  ///   policy that is unknown or cannot be configured so. Nothing was run then.
  public func cells(
    _ opened: [SweepModel], registry: PolicyRegistry
  ) throws -> [PlannedCell] {
    var cells: [PlannedCell] = []
    var known: [String: String] = [:]
    for (number, model) in opened.enumerated() {
      let builder = try CellBuilder(plan: self, model: model, number: number, registry: registry)
      for task in tasks {
        for length in task.lengths {
          let entries = try builder.entries(length: length)
          for seed in task.task.usesSeeds ? task.seeds : [0] {
            try builder.check(task, length: length, seed: seed)
            for entry in entries {
              let cell = builder.cell(entry, task, length: length, seed: seed, place: cells.count)
              if let other = known.updateValue(cell.cell.words, forKey: cell.id) {
                throw SweepError.plan(
                  "two cells are the same: \(other), and \(cell.cell.words); leave one out")
              }
              cells.append(cell)
              guard cells.count <= Legal.cells else {
                throw SweepError.plan(
                  "the plan has more than \(Legal.cells) cells; make it smaller")
              }
            }
          }
        }
      }
    }
    return cells
  }

  /// The names of the policies that the plan's `all` leaves out, because they need an artifact.
  public func leftOut(_ registry: PolicyRegistry) throws(PolicyError) -> [String] {
    guard policies.contains(where: { $0.isEvery }) else { return [] }
    var left: [String] = []
    for name in registry.names where try !registry.neededArtifacts(of: name).isEmpty {
      left.append(name)
    }
    return left
  }
}

extension SweepPlan.Policy {
  /// Whether it stands for all policies.
  fileprivate var isEvery: Bool { configuration == nil && label == SweepPlan.everyPolicy }
}

/// Makes the cells of one model.
private struct CellBuilder {
  let plan: SweepPlan
  let model: SweepModel
  let number: Int
  let registry: PolicyRegistry
  private let store: PagedKVStore
  private let policies: [SweepPlan.Policy]

  /// A policy with a budget.
  struct Entry {
    let policy: SweepCell.Policy
    let budget: SweepCell.Budget
    let configuration: PolicyConfiguration
    /// How the policy reads prompts, of the conditions of the protocol.
    let chunk: Int
    let firstToken: SweepProtocol.FirstToken
  }

  init(plan: SweepPlan, model: SweepModel, number: Int, registry: PolicyRegistry) throws {
    (self.plan, self.model, self.number, self.registry) = (plan, model, number, registry)
    store = try PagedKVStore(shape: model.shape, configuration: plan.options.store)
    let left = try plan.leftOut(registry)
    let named = plan.policies.flatMap { policy in
      policy.isEvery
        ? registry.names.filter { !left.contains($0) }
          .map { SweepPlan.Policy(label: $0, configuration: nil) }
        : [policy]
    }
    let full = Comparison.reference.main.policy
    policies =
      [SweepPlan.Policy(label: full, configuration: nil)]
      + named.filter { $0.label != full || $0.configuration != nil }
    let labels = policies.map(\.label)
    if let twice = labels.first(where: { label in labels.count { $0 == label } > 1 }) {
      throw SweepError.plan("two policies are called '\(twice)'; give one another \"label\"")
    }
  }

  /// Refuses sizes that the model or the task cannot serve.
  func check(_ task: SweepPlan.Task, length: Int, seed: Int) throws {
    let context = model.files.configuration.contextLength
    guard length <= context else {
      throw SweepError.plan(
        "documents of \(length) tokens are longer than the context of \(model.name), \(context); "
          + "ask for shorter ones")
    }
    try task.task.check(length: length, seed: seed, documents: task.documents, for: model)
  }

  /// Every policy with every budget that it takes.
  func entries(length: Int) throws -> [Entry] {
    let cost = try RowCost(shape: model.shape, store: plan.options.store)
    var entries: [Entry] = []
    for policy in policies {
      guard try takesBudget(policy) else {
        let configuration = policy.configuration ?? PolicyConfiguration(policy.label)
        let takesBudget = policy.configuration == nil ? false : nil
        entries.append(try entry(policy.label, configuration, takesBudget: takesBudget, nil, nil))
        continue
      }
      guard !plan.budgets.isEmpty else {
        throw SweepError.plan("\(policy.label) takes a budget, and the plan has no 'budgets'")
      }
      for budget in plan.budgets {
        entries.append(try entry(policy, spending: budget, length: length, cost))
      }
    }
    return entries
  }

  /// Whether the plan's budgets decide the policy's sizes.
  private func takesBudget(_ policy: SweepPlan.Policy) throws -> Bool {
    if let configuration = policy.configuration {
      guard !plan.budgets.isEmpty, configuration.overrides.isEmpty else { return false }
    }
    // The greatest budget tells whether a policy takes one, whatever its least is.
    let largest = Amount.rows(Amount.legalRows.upperBound)
    let (name, chosen) = (policy.name, policy.configuration?.main.settings ?? [:])
    return try registry.settings(of: name, with: chosen, spending: largest) != nil
  }

  /// A policy that spends a budget.
  private func entry(
    _ policy: SweepPlan.Policy, spending budget: Budget, length: Int, _ cost: RowCost
  ) throws -> Entry {
    let (name, chosen) = (policy.name, policy.configuration?.main.settings ?? [:])
    let amount = budget.amount(tokens: length)
    let origin = "'budgets' has \(budget.text), of documents of \(length) tokens"
    guard amount != .rows(0) else {
      throw SweepError.plan("\(origin): this is less than a row; ask for more")
    }
    do {
      let spent = try registry.settings(of: name, with: chosen, spending: amount, in: cost)
      guard let spent else {
        throw SweepError.plan(
          "\(origin): it decides a setting that the configuration of \(policy.label) has too; "
            + "leave the setting out, or give all sizes in the configuration")
      }
      let configuration = PolicyConfiguration(name, spent.settings)
      return try entry(policy.label, configuration, takesBudget: true, budget, spent.rows)
    } catch PolicyError.impossible(let policy, let reason) {
      throw SweepError.plan("\(origin): \(PolicyError.impossible(policy: policy, reason: reason))")
    }
  }

  /// An entry whose configuration makes policies for this model.
  private func entry(
    _ label: String, _ configuration: PolicyConfiguration, takesBudget: Bool?, _ budget: Budget?,
    _ rows: Int?
  ) throws -> Entry {
    let policies = try configuration.makePolicies(
      registry, shape: model.shape, model: model.identity, store: plan.options.store)
    let sequence = store.makeSequence(policies)
    var bytes: Int?
    if case .bytes(let count)? = budget { bytes = count }
    let kind: SweepProtocol.BudgetKind =
      switch budget {
      case .rows?: .rows
      case .bytes?: .bytes
      case .share?: .share
      case nil: takesBudget == false ? .none : .own
      }
    return Entry(
      policy: SweepCell.Policy(
        label: label, configuration: configuration.value, takesBudget: takesBudget,
        grows: sequence.grows),
      budget: SweepCell.Budget(kind: kind, asked: budget?.text, rows: rows, bytes: bytes),
      configuration: configuration,
      chunk: min(plan.options.chunk, sequence.longestChunk ?? plan.options.chunk),
      firstToken: sequence.decodesLastPromptToken
        ? .pruned : sequence.evictsEveryChunk ? .chunked : .unpruned)
  }

  /// The cell of an entry on a task.
  func cell(
    _ entry: Entry, _ task: SweepPlan.Task, length: Int, seed: Int, place: Int
  ) -> PlannedCell {
    let quality = task.task.quality
    let conditions = task.task.conditions
    let cell = SweepCell(
      model: model.description, policy: entry.policy, budget: entry.budget,
      task: SweepCell.Task(
        name: task.task.name, settings: .object(task.task.settings), score: quality.score,
        better: quality.better),
      length: length, seed: seed, documents: task.documents, options: plan.options,
      protocol: SweepProtocol(
        questionSeen: conditions.questionSeen, chunk: entry.chunk, budgetKind: entry.budget.kind,
        windowInBudget: entry.budget.asked == nil ? nil : true,
        // A question that follows is a chunk of its own.
        firstToken: conditions.questionSeen == .no && entry.firstToken == .unpruned
          ? .chunked : entry.firstToken,
        sampling: conditions.sampling, answerPrefix: conditions.answerPrefix))
    return PlannedCell(
      cell: cell, id: cell.id, place: place, model: number, task: task.task,
      configuration: entry.configuration)
  }
}
