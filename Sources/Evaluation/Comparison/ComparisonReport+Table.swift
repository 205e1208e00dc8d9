import KVPolicyKit
import Reporting

/// The comparison as text for people.
extension ComparisonReport: TabularReport {
  /// A heading with the conditions, a table that fits 80 columns, and a legend. The end names the
  /// columns that were left out.
  public var table: String { text(isWide: false) }

  /// The table with every column, however wide.
  public var wideTable: String { text(isWide: true) }

  /// The table of the policies in Markdown; errors and overlaps (``fidelity``) are left out.
  ///
  /// - Parameter isWide: whether it has every column, or only those of ``table``.
  public func markdown(isWide: Bool) -> String {
    policyTable(isWide: isWide).markdown(isWide: isWide)
  }

  private func policyTable(isWide: Bool) -> TextTable {
    let showsReads = policies.contains { $0.readRows != nil }
    let showsTiers = isWide && policies.contains { $0.tiers != nil }
    var table = TextTable(
      columns + (showsReads ? TextTable.readColumns : []) + (showsTiers ? [tierColumn] : []))
    for policy in policies {
      let read = TextTable.readCells(policy.readRows, policy.readBytes)
      let tiers = policy.tierCell(lanes: layers * keyHeads)
      table.add(policy.cells + (showsReads ? read : []) + (showsTiers ? [tiers] : []))
    }
    return table
  }

  private func text(isWide: Bool) -> String {
    let heading = """
      \(TerminalText.escaped(model)), \(TerminalText.escaped(text)) text: \(promptTokens) prompt tokens in chunks of \(chunk), \
      \(decodeTokens) forced tokens
      \(layers) layers x \(keyHeads) key heads, \(rowFormat.rawValue) rows, \
      \(pageRows) rows a page, \(threads) thread\(threads == 1 ? "" : "s")\(arithmetic.note)
      """
    let inside = fidelity.map { "\n" + $0.text(policies.map(\.label)) + "\n" } ?? ""
    return TerminalText.wrapped(heading) + "\n\n" + policyTable(isWide: isWide).page(isWide: isWide)
      + "\n" + inside
  }

  private var tierColumn: TextTable.Column {
    .init(
      "tiers", .left,
      "for each format the keys and values of a lane at the end, on average, and the bytes of all")
  }

  private var columns: [TextTable.Column] {
    [
      .init("policy", .left), BudgetNote(policies).column,
      .init("rows/lane", .right, "rows that a lane holds at the end", leaves: 2),
      .init("mean", .right, "bytes of pages, columns and policy state, mean of the steps"),
      .init("peak", .right, "the most of these bytes at any time"),
      .init("at end", .right, "these bytes at the end", leaves: 5),
      .init("saved", .right, "of the resident bytes of full attention, at the end", leaves: 4),
      .init(
        "footprint", .right, "rows x time over those of full attention, prompt included",
        leaves: 3),
      .init("perplexity", .right, "of the forced tokens", leaves: 3),
      .init(
        "KL", .right,
        "of the policy's predictions from those of full attention, mean per step, in nats"),
      .init("top-1", .right, "steps whose most likely token is that of full attention"),
      .init("hooks", .right, "share of the decode time spent in the policy", leaves: 7),
      .init("prompt/s", .right, "prompt tokens per second", leaves: 6),
      .init("decode/s", .right, "forced tokens per second", leaves: 1),
    ]
  }
}

extension PolicyMeasurement {
  /// The cell of the tiers: `f16 128+128 3.1 MiB, 4-bit 512+512 4.2 MiB`.
  fileprivate func tierCell(lanes: Int) -> String {
    guard let tiers else { return "-" }
    return tiers.map { tier in
      let (keys, values) = (Double(tier.keys) / Double(lanes), Double(tier.values) / Double(lanes))
      return "\(tier.name) \(Quantities.fixed(keys, 0))+\(Quantities.fixed(values, 0)) "
        + Quantities.bytes(tier.bytes)
    }.joined(separator: ", ")
  }

  /// The cells of this policy's line.
  fileprivate var cells: [String] {
    [
      label, budgetCell(grows: grows), Quantities.range(rowsPerLaneLeast, rowsPerLaneMost),
      Quantities.bytes(meanResidentBytes), Quantities.bytes(peakResidentBytes),
      Quantities.bytes(residentBytes),
      Quantities.percent(saving), Quantities.percent(footprint),
      Quantities.significant(perplexity), Quantities.significant(meanDivergence),
      Quantities.percent(topAgreement), Quantities.percent(decodeHookShare),
      Quantities.speed(promptTokensPerSecond), Quantities.speed(decodeTokensPerSecond),
    ]
  }
}
