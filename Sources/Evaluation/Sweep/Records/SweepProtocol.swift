/// The eight conditions that change results more than a policy does, so that no two results are
/// compared that differ in one of them unnoticed.
public struct SweepProtocol: Codable, Equatable, Sendable {
  /// Whether the policy has read the question when it forgets part of the prompt.
  public var questionSeen: QuestionSeen
  /// The longest chunk of the prompt that went through a layer at once, in tokens.
  public var chunk: Int
  /// What the budget is counted in.
  public var budgetKind: BudgetKind
  /// Whether the rows of a policy's window count in its budget; nil without a budget. A budget of
  /// this project is always one of all rows.
  public var windowInBudget: Bool?
  /// The rows from which the first token after the prompt is predicted.
  public var firstToken: FirstToken
  /// How tokens are chosen.
  public var sampling: Sampling
  /// Whether the answer's first words are given.
  public var answerPrefix: Bool
  /// What a lane is: rows are always kept per key/value head, never per query head, so that a row
  /// of the budget costs one key and one value.
  public var heads = Heads.key

  /// Whether the question was seen.
  public enum QuestionSeen: String, Codable, Sendable {
    /// The question is part of the prompt.
    case yes
    /// The question follows after the policy has forgotten.
    case no
    /// The first turn's question is part of the prompt; later turns follow.
    case first
    /// Nothing is asked.
    case none
  }

  /// What a budget is counted in.
  public enum BudgetKind: String, Codable, Sendable {
    /// Rows per lane.
    case rows
    /// Bytes of a sequence.
    case bytes
    /// A share of the document's tokens, as rows per lane.
    case share
    /// The configuration states its own sizes.
    case own
    /// The policy takes no budget.
    case none
  }

  /// The rows behind the first token.
  public enum FirstToken: String, Codable, Sendable {
    /// All rows of the prompt.
    case unpruned
    /// The last chunk, and the rows that were left of the chunks before it.
    case chunked
    /// The rows that were left of the prompt.
    case pruned
  }

  /// How tokens are chosen.
  public enum Sampling: String, Codable, Sendable {
    /// The likeliest token.
    case greedy
    /// The text's own token, whatever was predicted.
    case forced
  }

  /// What a lane is.
  public enum Heads: String, Codable, Sendable {
    /// One key/value head.
    case key
  }
}
