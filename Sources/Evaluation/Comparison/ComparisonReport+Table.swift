import KVPolicyKit
import Reporting

/// The comparison for people.
extension ComparisonReport {
  /// A heading with the conditions, a table of at most 120 columns with ordinary labels, and what
  /// its columns mean.
  public var table: String {
    var table = TextTable([
      ("policy", .left), ("rows/lane", .right), ("resident", .right), ("peak", .right),
      ("saved", .right), ("footprint", .right), ("perplexity", .right), ("KL", .right),
      ("top-1", .right), ("hooks", .right), ("prompt/s", .right), ("decode/s", .right),
    ])
    for policy in policies { table.add(policy.cells) }
    return """
      \(model), \(text) text: \(promptTokens) prompt tokens in chunks of \(chunk), \
      \(decodeTokens) forced tokens
      \(layers) layers x \(keyHeads) key heads, \(rowFormat.rawValue) rows, \
      \(pageRows) rows a page, \(threads) thread\(threads == 1 ? "" : "s")\(arithmetic.note)

      \(table.text)

      \(BudgetNote(policies.map { ($0.label, $0.budget, $0.takesBudget) }).line(column: 10))\
      resident  bytes of pages, columns and policy state at the end; peak: the most at any time
      saved     of the resident bytes of full attention, at the end
      footprint rows x time over those of full attention, prompt included
      KL        of the policy's predictions from those of full attention, mean per step, in nats
      top-1     steps whose most likely token is that of full attention
      hooks     share of the decode time spent in the policy; prompt/s, decode/s: tokens per second

      """
  }
}

extension PolicyMeasurement {
  /// The cells of the table.
  fileprivate var cells: [String] {
    [
      label,
      Quantities.range(rowsPerLaneLeast, rowsPerLaneMost),
      Quantities.bytes(residentBytes), Quantities.bytes(peakResidentBytes),
      Quantities.percent(saving), Quantities.percent(footprint),
      Quantities.significant(perplexity), Quantities.significant(meanDivergence),
      Quantities.percent(topAgreement), Quantities.percent(decodeHookShare),
      Quantities.speed(promptTokensPerSecond), Quantities.speed(decodeTokensPerSecond),
    ]
  }
}
