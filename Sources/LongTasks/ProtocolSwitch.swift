/// A choice of the protocol that can change a result more than the policy does. A result records
/// all eight choices.
public enum ProtocolSwitch: String, CaseIterable, Sendable {
  /// Whether the policy compresses the context before or after it sees the question.
  case question
  /// The number of prompt tokens that the model reads at once.
  case promptChunk
  /// Whether a budget is a number of rows, of bytes or a share.
  case budgetKind
  /// Whether the rows of the window count against the budget.
  case windowInBudget
  /// Whether the first token is computed from the rows before or after compression.
  case firstToken
  /// How the next token is chosen.
  case sampling
  /// Whether the prompt ends with the beginning of the answer.
  case answerPrefix
  /// Whether the budget counts rows of a key head or of a query head.
  case headUnit
}

extension [ProtocolSwitch: String] {
  /// The switches of a task whose answer is matched word for word.
  static var matched: Self { [.sampling: "greedy", .answerPrefix: "present"] }
}
