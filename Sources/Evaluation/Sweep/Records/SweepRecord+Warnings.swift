import KVPolicyKit
import Reporting

/// What looks wrong with a record: mistakes of policies that a mean does not show.
extension SweepRecord {
  /// The greatest share of a budget in rows that is spent without a remark: rows wait until a
  /// policy is asked again. Pages that are not full and the store's bookkeeping come on top of
  /// bytes.
  private var mostSpent: Double { cell.budget.bytes == nil ? 1.25 : 1.5 }
  /// The greatest share of the resident bytes that may be uncounted: scratch memory.
  private static let mostUncounted = 0.05

  /// Sentences about a policy that spends more than its budget, that forgets although its budget
  /// holds the whole document, or that has state which is not counted; empty for most records.
  public var warnings: [String] {
    [overspent, forgetsAnyway, uncounted].compactMap { $0.map { "\(cell.words): \($0)" } }
  }

  private var overspent: String? {
    guard let spent = sums.spent, spent > mostSpent else { return nil }
    return "it spends \(Quantities.percent(spent)) of its budget"
  }

  private var forgetsAnyway: String? {
    guard let rows = cell.budget.rows else { return nil }
    let documents = documents.filter { $0.cache.tokens <= rows && $0.cache.rowsDropped > 0 }
    guard let first = documents.first else { return nil }
    return "it forgets \(Markup.count(first.cache.rowsDropped, "row")) although its budget of "
      + "\(rows) rows holds all \(first.cache.tokens) tokens"
  }

  private var uncounted: String? {
    let most = documents.map(\.uncountedBytes).max() ?? 0
    guard Double(most) > SweepRecord.mostUncounted * sums.residentBytes else { return nil }
    return "its state has \(Quantities.bytes(most)) more than its 'stateBytes' say, and its "
      + "resident bytes do not count them"
  }
}
