import Evaluation
import KVPolicyKit

extension Budget {
  /// The placeholder and the meaning of an option whose value is a list of budgets.
  static let meaning = "rows (512), bytes (1MiB) or shares of the prompt (1/4), with commas between"

  /// Reads a budget.
  ///
  /// - Parameter option: the option that the text is the value of, for errors.
  init(_ text: String, option: String) throws(CommandError) {
    do throws(Mistake) {
      try self.init(text, named: option)
    } catch {
      throw .usage(error.reason)
    }
  }

  /// The budget for a text of `tokens` tokens, in proportion to this budget for `whole` tokens.
  func scaled(to tokens: Int, of whole: Int) -> GivenBudget {
    switch self {
    case .rows(let rows): GivenBudget(amount: .rows(max(1, rows * tokens / whole)))
    case .bytes(let bytes):
      GivenBudget(amount: .bytes(max(1, Int(Double(bytes) * Double(tokens) / Double(whole)))))
    case .share(let part, let of): GivenBudget(amount: .rows(max(1, tokens * part / of)))
    }
  }
}

/// A budget in rows or bytes, as policies take it.
struct GivenBudget: Equatable {
  /// Rows per lane, or bytes per sequence.
  let amount: Amount
  /// How the amount follows from the command line, appended to errors; empty if the command line
  /// gives it.
  var origin = ""
}

extension Arguments {
  /// The value of an option as different budgets separated by commas, for texts of `tokens` tokens.
  ///
  /// - Parameters:
  ///   - other: the value if the option is not given.
  ///   - tokens: the tokens that shares are taken of; at most 2³².
  ///   - noun: what has these tokens, for errors: `document` or `prompt`.
  func budgets(
    _ name: String, default other: String, tokens: Int, of noun: String = "prompt"
  ) throws(CommandError) -> [GivenBudget] {
    var budgets: [(text: String, given: GivenBudget)] = []
    for text in try list(name, default: other, of: "budget") {
      let given = try given(text, name, tokens: tokens, of: noun)
      if let same = budgets.first(where: { $0.given.amount == given.amount }) {
        throw .usage(
          "\(name) names \(given.amount.plain) twice, as '\(same.text)' and as '\(text)'; leave one "
            + "out")
      }
      budgets.append((text, given))
    }
    return budgets.map(\.given)
  }

  /// One budget as the value of an option, for a text of `tokens` tokens.
  func given(
    _ text: String, _ name: String, tokens: Int, of noun: String = "prompt"
  ) throws(CommandError) -> GivenBudget {
    let budget = try Budget(text, option: name)
    let amount = budget.amount(tokens: tokens)
    guard case .share = budget else { return GivenBudget(amount: amount) }
    let origin = "\(name) \(text) of a \(noun) of \(tokens) tokens"
    guard amount != .rows(0) else {
      throw .usage("\(origin) is less than a row; ask for a larger share or a longer \(noun)")
    }
    return GivenBudget(amount: amount, origin: " (\(origin))")
  }
}

extension Amount {
  /// The amount in full: `512 rows`, `1048576 bytes`.
  fileprivate var plain: String {
    switch self {
    case .rows(let rows): "\(rows) rows"
    case .bytes(let bytes): "\(bytes) bytes"
    case .share(let share): "a share of \(share)"
    }
  }
}
