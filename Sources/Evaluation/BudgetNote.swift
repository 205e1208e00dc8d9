import Reporting

/// What the notes under a table say of the budget.
///
/// They name the policies that take none, whose rows would else look as if they had kept to it.
struct BudgetNote {
  /// A row of the table.
  typealias Row = (label: String, budget: Int?, takesBudget: Bool?)

  private let budgets: [Int]
  private let without: [String]

  /// A note on these rows; labels that come again are named once.
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

  /// The text as the notes of a legend; none where there is no text.
  var notes: [(term: String, meaning: String)] { text.map { [("budget", $0)] } ?? [] }
}
