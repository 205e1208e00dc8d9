import KVPolicyKit
import Reporting

/// The capacity for people.
extension CapacityReport {
  /// A line per policy; at most 120 columns with ordinary labels.
  public var table: String {
    """
    \(conditions.model): a pool of \(Quantities.bytes(conditions.poolBytes)); each sequence reads \
    \(conditions.promptTokens) tokens and generates \(conditions.generatedTokens)
    \(conditions.layers) layers x \(conditions.keyHeads) key heads, \(conditions.rowFormat.rawValue) rows, \
    \(conditions.pageRows) rows a page, \(conditions.threads) thread\(conditions.threads == 1 ? "" : "s")\
    \(conditions.arithmetic.note)

    \(lines)

    \(BudgetNote(rows.map { ($0.label, $0.budget, $0.takesBudget) }).line(column: 11))\
    sequences  that the pool holds at once, each until its end, without ever refusing one a page
    tokens/s   of all of them together; each: of one of them
    largest    the most bytes one takes on its way: pages, columns, bookkeeping and policy state
    in use     the same of all sequences at the end; policy: of these, columns and policy state
    steps      made together; fewer than are generated where later ones change neither rows nor bytes, and
               then only the last of them are timed
    full at    tokens that one sequence alone had read when the pool was full

    """
  }

  private var lines: String {
    var table = TextTable([
      ("policy", .left), ("sequences", .right), ("tokens/s", .right), ("each", .right),
      ("largest", .right), ("in use", .right), ("of pool", .right), ("policy", .right),
      ("rows/lane", .right), ("steps", .right), ("full at", .right),
    ])
    for row in rows { table.add(cells(row)) }
    return table.text
  }

  private func cells(_ row: CapacityRow) -> [String] {
    let full = row.fullAt.map { "\($0)" } ?? "-"
    let start = [row.label, "\(row.sequences)" + (row.fitting > row.sequences ? "+" : "")]
    guard let speed = row.tokensPerSecond else {
      let largest = row.fullAt == nil ? Quantities.bytes(row.bytesPerSequence) : "-"
      return start + ["-", "-", largest, "-", "-", "-", "-", "-", full]
    }
    return start + [
      Quantities.speed(speed), Quantities.speed(speed / Double(row.sequences)),
      Quantities.bytes(row.bytesPerSequence), Quantities.bytes(row.bytesInUse),
      Quantities.percent(Double(row.bytesInUse) / Double(conditions.poolBytes)),
      Quantities.bytes(row.policyBytes), Quantities.fixed(row.rowsPerLane, 0), "\(row.steps)", full,
    ]
  }
}
