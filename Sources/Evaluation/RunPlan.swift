import ReferenceModel
import Reporting

/// The size of a long measurement, counted before it begins.
public struct RunPlan: Equatable, Sendable {
  /// The measurement in one line, for people: policies, budgets, lengths, and tokens in all.
  public let summary: String
  /// A warning about the results, or nil.
  public let warning: String?

  /// The most tokens of one sequence.
  static let longestSequence = 1 << 24
  /// The most tokens of all runs together: days for the smallest of models.
  static let mostTokens = 1 << 30

  /// A plan for these policies.
  ///
  /// - Parameters:
  ///   - entries: the policies.
  ///   - lengths: the rest of the summary, before the number of tokens.
  ///   - tokens: the tokens of all runs, in words.
  ///   - longest: tokens of the longest sequence.
  ///   - context: the model's context.
  init(
    _ entries: [PolicyEntry], _ lengths: String, tokens: String, longest: Int, context: Int
  ) {
    let budget = BudgetNote(entries).text
    let policies = Markup.count(entries.count, "policy", "policies")
    summary = "running \(policies)\(budget.map { " (\($0))" } ?? ""), \(lengths): \(tokens) in all"
    warning = ContextWarning.text(
      tokens: longest, context: context,
      effect: "speed and memory are measured all the same, but the model was not made for it")
  }

  /// - Throws: `ModelError.request` for a sequence or a measurement that is too long to be meant.
  ///
  /// - Parameters:
  ///   - sequence: tokens of the longest sequence.
  ///   - tokens: tokens of all runs together.
  static func check(sequence: Double, tokens: Double) throws(ModelError) {
    for (number, most, what) in [
      (sequence, longestSequence, "a sequence would have"),
      (tokens, mostTokens, "all runs together would read"),
    ] where number > Double(most) {
      let count = number < 1e15 ? Markup.grouped(Int(number)) : Quantities.significant(number)
      throw .request(
        "\(what) \(count) tokens, and \(Markup.grouped(most)) are the most; "
          + "ask for fewer policies, repeats, sequences or tokens")
    }
  }
}
