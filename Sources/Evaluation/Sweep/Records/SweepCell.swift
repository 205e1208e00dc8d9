public import KVPolicyKit
import ReferenceModel
import Reporting

/// One cell of a sweep: a model, a policy with its budget, and the samples that it is measured on.
///
/// Everything on which the numbers of the cell depend is here, and nothing else. So equal cells
/// have equal numbers on every machine with the same build, and the ``id`` of a cell names them.
public struct SweepCell: Codable, Equatable, Sendable {
  /// The model.
  public var model: Model
  /// The policy.
  public var policy: Policy
  /// The budget, as it was asked for.
  public var budget: Budget
  /// The task.
  public var task: Task
  /// Tokens of each document.
  public var length: Int
  /// The seed of the documents; 0 for a task that draws nothing.
  public var seed: Int
  /// The number of documents, which are numbered from 0.
  public var documents: Int
  /// How the engine reads prompts and stores rows.
  public var options: SweepOptions
  /// The conditions that change results more than a policy does.
  public var `protocol`: SweepProtocol

  /// A model, as records name it.
  public struct Model: Codable, Equatable, Sendable {
    /// The model's name, for people.
    public var name: String
    /// `bundled`, or the path of the model from the working folder.
    public var source: String
    /// `ModelIdentity.digest`: equal for all quantisations of a model.
    public var identity: String
    /// The digest of the tensors as they are stored: different for two quantisations.
    public var content: String
    /// Layers of the model.
    public var layers: Int
    /// Key/value heads per layer.
    public var keyHeads: Int
    /// Query heads per layer.
    public var queryHeads: Int
  }

  /// A policy, as records name it.
  public struct Policy: Codable, Equatable, Sendable {
    /// The policy's name in tables.
    public var label: String
    /// The configuration in full, as a configuration file states it.
    public var configuration: JSONValue
    /// Whether the policy takes a budget; nil if the configuration states its own sizes.
    public var takesBudget: Bool?
    /// Whether the policy keeps all rows that decode steps add (`KVSequence.grows`).
    public var grows: Bool
  }

  /// A budget as it was asked for.
  public struct Budget: Codable, Equatable, Sendable {
    /// What the budget is counted in.
    public var kind: SweepProtocol.BudgetKind
    /// The budget as the plan states it, in its shortest form; nil for a policy without one.
    public var asked: String?
    /// Rows per lane that the policy was given; of a budget in bytes, the rows that it pays for.
    public var rows: Int?
    /// Bytes per sequence, if the budget was given in bytes.
    public var bytes: Int?
  }

  /// A task, as records name it.
  public struct Task: Codable, Equatable, Sendable {
    /// The task's name in plans.
    public var name: String
    /// The task's settings, without lengths, seeds and documents.
    public var settings: JSONValue
    /// The score that says how good a policy is.
    public var score: String
    /// The direction of the score.
    public var better: Better
  }

  /// Which of two scores is better.
  public enum Better: String, Codable, Sendable {
    /// The greater score.
    case more
    /// The smaller score.
    case less
  }
}

extension SweepCell {
  /// The name of the cell: sixteen hexadecimal digits that depend on its content.
  ///
  /// Names and paths do not count: neither the model's nor the policy's label, nor where a
  /// text or artifact lies whose digest is known.
  public var id: String {
    guard let text = try? ReportText.json(self, layout: []), let value = try? JSONValue.parse(text)
    else { return "" }
    let canonical: JSONValue = [
      "schema": JSONValue(SweepRecord.schema), "cell": SweepCell.withoutNames(value),
    ]
    return String(SHA256.hexadecimal(of: Array(canonical.text.utf8)).prefix(16))
  }

  /// What differs between two places of the same thing: a member is left out of an object that
  /// has one of the members beside it.
  private static let names = [
    (member: "name", beside: "content"), (member: "source", beside: "content"),
    (member: "label", beside: "configuration"), (member: "file", beside: "sha256"),
    (member: "verified", beside: "sha256"),
  ]

  private static func withoutNames(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let values): return .array(values.map(withoutNames))
    case .object(var members):
      for (member, beside) in names where members[beside] != nil { members[member] = nil }
      return .object(members.mapValues(withoutNames))
    default: return value
    }
  }

  /// The cell in words: `h2o 1/4, both, 2048 tokens, seed 0, bundled`.
  package var words: String {
    let budget = budget.asked.map { " \($0)" } ?? ""
    return "\(policy.label)\(budget), \(task.name), \(length) tokens, seed \(seed), \(model.name)"
  }
}
