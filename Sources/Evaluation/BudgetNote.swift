import KVPolicyKit
import Reporting

/// A line of a table whose policy may have been given a budget.
protocol Budgeted {
  /// The policy's name in tables.
  var label: String { get }
  /// The budget in mean rows per lane; nil if the policy was given none.
  var budget: Int? { get }
  /// The budget in bytes per sequence, if it was given in bytes.
  var budgetBytes: Int? { get }
  /// Whether the policy takes a budget; nil if none was offered.
  var takesBudget: Bool? { get }
}

extension Budgeted {
  /// The budget as it was given; nil if the policy was given none.
  var amount: Amount? { budgetBytes.map { .bytes($0) } ?? budget.map { .rows($0) } }

  /// The cell of the column ``BudgetNote/column``.
  ///
  /// - Parameter grows: whether the policy keeps all rows that decode steps add.
  func budgetCell(grows: Bool) -> String {
    let text = (amount?.cell ?? "") + (grows ? "+" : "")
    return text.isEmpty ? "-" : text
  }
}

extension Amount {
  /// The amount in a table's cell: `512`, `1.0 MiB`.
  var cell: String {
    switch self {
    case .rows(let rows): "\(rows)"
    case .bytes(let bytes): Quantities.bytes(bytes)
    case .share(let share): Quantities.percent(share)
    }
  }

  /// The amount in a heading: `512 rows per lane`, `1.0 MiB per sequence`.
  var words: String {
    switch self {
    case .rows(let rows): "\(Markup.count(rows, "row")) per lane"
    case .bytes(let bytes): "\(Quantities.bytes(bytes)) per sequence"
    case .share(let share): "\(Quantities.percent(share)) of the prompt"
    }
  }
}

/// The note on the budgets of a table.
///
/// It names the policies that take no budget. A reader would otherwise believe that their lines
/// kept to it.
struct BudgetNote {
  private let amounts: [Amount]
  private let without: [String]

  /// A note on these lines of a table; a repeated label is named once.
  init(_ rows: [any Budgeted]) {
    func once<Value: Hashable>(_ values: [Value]) -> [Value] {
      var seen: Set<Value> = []
      return values.filter { seen.insert($0).inserted }
    }
    amounts = once(rows.compactMap(\.amount))
    without = once(rows.filter { $0.takesBudget == false }.map(\.label))
  }

  /// `256 rows per lane; full takes none`; nil where no policy was offered a budget.
  var text: String? {
    let verb = without.count == 1 ? "takes" : "take"
    let others = without.isEmpty ? [] : ["\(Markup.list(without)) \(verb) none"]
    let parts = BudgetNote.words(amounts) + others
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// The amounts in words, those in rows before those in bytes: `512 and 256 rows per lane`.
  static func words(_ amounts: [Amount]) -> [String] {
    var (rows, bytes): ([String], [String]) = ([], [])
    for amount in amounts {
      switch amount {
      case .rows(let count): rows.append(Markup.grouped(count))
      case .bytes(let count): bytes.append(Quantities.bytes(count))
      case .share: continue
      }
    }
    return (rows.isEmpty ? [] : [Markup.list(rows) + " rows per lane"])
      + (bytes.isEmpty ? [] : [Markup.list(bytes) + " per sequence"])
  }

  /// The column with each line's ``Budgeted/budgetCell(grows:)``; its legend has the text.
  var column: TextTable.Column {
    let marks = """
      '-': none, or sizes of its own; '+': all that is written stays, so that a budget is spent on the prompt
      """
    return .init("budget", .right, (text.map { [$0, marks] } ?? [marks]).joined(separator: "; "))
  }
}
