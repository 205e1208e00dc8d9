/// A budget as typed: rows per lane, or a share of a document's tokens.
enum Budget: Equatable {
  /// A number of rows per lane: `512`.
  case rows(Int)
  /// A share of a document's tokens, at most 1: `1/4`.
  case share(Int, of: Int)

  /// The largest number in a budget.
  private static let largest = 1 << 30
  /// The legal numbers of rows.
  static let legal = 1...largest

  /// Reads a budget.
  ///
  /// - Parameter option: the option that the text is the value of, for errors.
  init(_ text: String, option: String) throws(CommandError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.allSatisfy { $0.isASCII && $0.isNumber } ? Int(part) : nil
    }
    let areLegal = numbers.allSatisfy { 1...Budget.largest ~= $0 }
    guard numbers.count == parts.count, parts.count <= 2, areLegal else {
      throw .usage(
        "\(option) cannot be '\(text)'; a budget is a number of rows, such as 512, or a share of a "
          + "document's tokens, such as 1/4, in whole numbers from 1 to \(Budget.largest)")
    }
    guard numbers.count == 2 else {
      self = .rows(numbers[0])
      return
    }
    guard numbers[0] <= numbers[1] else {
      throw .usage(
        "\(option) cannot be '\(text)'; a share of a document's tokens is at most 1, such as 1/4")
    }
    self = .share(numbers[0], of: numbers[1])
  }

  /// The budget as typed.
  var text: String {
    switch self {
    case .rows(let rows): "\(rows)"
    case .share(let part, let whole): "\(part)/\(whole)"
    }
  }

  /// The rows per lane for a document of `tokens` tokens, rounded down.
  func rows(tokens: Int) -> Int {
    switch self {
    case .rows(let rows): rows
    case .share(let part, let whole): tokens * part / whole
    }
  }
}

/// A budget in rows per lane, as policies take it.
struct BudgetInRows: Equatable {
  /// The rows per lane.
  let rows: Int
  /// How the rows follow from the command line, appended to errors; empty if the command line gives
  /// rows.
  var origin = ""
}

extension Arguments {
  /// The value of an option as different budgets separated by commas, in rows for a document of
  /// `tokens` tokens.
  ///
  /// - Parameters:
  ///   - other: the value if the option is not given.
  ///   - tokens: the tokens of the document that shares refer to; at most 2³².
  func budgets(
    _ name: String, default other: String, tokens: Int
  ) throws(CommandError) -> [(budget: Budget, rows: BudgetInRows)] {
    func origin(_ budget: Budget) -> String {
      guard case .share = budget else { return "" }
      return " (\(name) \(budget.text) of a document of \(tokens) tokens)"
    }
    var budgets: [(budget: Budget, rows: BudgetInRows)] = []
    for text in try list(name, default: other, of: "budget") {
      let budget = try Budget(text, option: name)
      let rows = budget.rows(tokens: tokens)
      guard rows > 0 else {
        throw .usage(
          "\(name) \(budget.text) of a document of \(tokens) tokens is less than a row; ask for a "
            + "larger share or a longer document")
      }
      if let same = budgets.first(where: { $0.rows.rows == rows }) {
        throw .usage(
          "\(name) names \(rows) rows twice, as '\(same.budget.text)' and as '\(budget.text)'; "
            + "leave one out")
      }
      budgets.append((budget, BudgetInRows(rows: rows, origin: origin(budget))))
    }
    return budgets
  }
}
