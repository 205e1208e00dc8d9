import Reporting

/// The note on the budget under a table.
///
/// It names the policies that take no budget. A reader would otherwise believe that their lines
/// kept to it.
struct BudgetNote {
  /// A line of the table.
  typealias Row = (label: String, budget: Int?, takesBudget: Bool?)

  private let budgets: [Int]
  private let without: [String]

  /// A note on these lines of a table; a repeated label is named once.
  init(_ rows: [Row]) {
    func once<Value: Hashable>(_ values: [Value]) -> [Value] {
      var seen: Set<Value> = []
      return values.filter { seen.insert($0).inserted }
    }
    budgets = once(rows.compactMap(\.budget))
    without = once(rows.filter { $0.takesBudget == false }.map(\.label))
  }

  /// `256 rows per lane; full takes none`; nil where no policy was offered a budget.
  var text: String? {
    let given = budgets.isEmpty ? [] : [Markup.list(budgets.map { "\($0)" }) + " rows per lane"]
    let verb = without.count == 1 ? "takes" : "take"
    let others = without.isEmpty ? [] : ["\(Markup.list(without)) \(verb) none"]
    let parts = given + others
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// The text as a list of legend notes; empty if there is no text.
  var notes: [(term: String, meaning: String)] { text.map { [("budget", $0)] } ?? [] }
}
