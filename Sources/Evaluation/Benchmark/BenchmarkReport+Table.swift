import KVPolicyKit
import ReferenceModel
import Reporting

/// The benchmark as text for people.
extension BenchmarkReport: TabularReport {
  /// The machine's floor, and, if a model ran, the speed of each piece of work and the time in
  /// hooks. Tables fit 80 columns; the end of each table names the columns that were left out.
  public var table: String { text(isWide: false) }

  /// The tables with every column, however wide.
  public var wideTable: String { text(isWide: true) }

  /// The table of speeds in Markdown, or that of the machine if no model ran; those of batches and
  /// hooks are left out.
  ///
  /// - Parameter isWide: whether it has every column, or only those of ``table``.
  public func markdown(isWide: Bool) -> String {
    (conditions == nil ? floor.textTable : speedTable).markdown(isWide: isWide)
  }

  private func text(isWide: Bool) -> String {
    guard let conditions else { return floor.textTable.page(isWide: isWide) + "\n" }
    let heading = """
      \(TerminalText.escaped(conditions.model)): \(conditions.layers) layers x \(conditions.keyHeads) key heads, \
      \(conditions.rowFormat.rawValue) rows, \(conditions.pageRows) rows a page
      \(conditions.threads) thread\(conditions.threads == 1 ? "" : "s")\
      \((conditions.arithmetic ?? .exact).note), chunks of \
      \(conditions.chunk); \(conditions.repeats) repeats, of \(conditions.steps) steps where tokens are decoded
      """
    let hasBatches = rows.contains { $0.work == .batch }
    let parts = [
      TerminalText.wrapped(heading), floor.textTable.page(isWide: isWide),
      speeds(conditions.rowFormat, isWide: isWide),
    ]
    return (parts + (hasBatches ? [batches(isWide: isWide)] : []) + [hooks(isWide: isWide)])
      .joined(separator: "\n\n") + "\n"
  }

  private var speedTable: TextTable {
    let showsReads = rows.contains { $0.readRows != nil }
    var table = TextTable(speedColumns + (showsReads ? TextTable.readColumns : []))
    for row in rows {
      let cells = [
        row.name, row.label, row.budgetCell(grows: row.grows == true),
        Quantities.speed(row.tokensPerSecond.median),
        Quantities.speed(row.tokensPerSecond.least) + "-"
          + Quantities.speed(row.tokensPerSecond.most),
        Quantities.milliseconds(row.seconds.median), Quantities.milliseconds(row.floorSeconds),
        Quantities.percent(row.floorShare),
        row.meanResidentBytes.map(Quantities.bytes) ?? "-",
        row.peakResidentBytes.map(Quantities.bytes) ?? "-", Quantities.bytes(row.bytes),
        Quantities.bytes(row.policyBytes), Quantities.fixed(row.rowsPerLane, 0),
        Quantities.bytes(row.residentBytes),
      ]
      table.add(cells + (showsReads ? TextTable.readCells(row.readRows, row.readBytes) : []))
    }
    return table
  }

  private func speeds(_ format: RowFormat, isWide: Bool) -> String {
    // The extra time of q8_0 rows. The floor does not show it, because it counts bytes and not
    // conversions.
    let blocks =
      format == .q8_0
      ? [
        (
          "q8_0",
          "rows take 53% of the bytes of f16, and attention takes longer: each element is made a "
            + "float before it is multiplied, which costs more than the bytes save "
            + "(docs/performance.md)"
        )
      ] : []
    return speedTable.page(isWide: isWide, notes: blocks)
  }

  private var speedColumns: [TextTable.Column] {
    [
      .init("work", .left), .init("policy", .left), BudgetNote(rows).column, .init("tokens/s"),
      .init("least-most", .right, "tokens/s of the slowest and the fastest repeat", leaves: 4),
      .init(
        "ms", .right,
        "for a prompt, or for one decode step after so many tokens: median of the repeats",
        leaves: 1),
      .init(
        "floor", .right,
        "the least time, in ms: what must be moved at the speed of memory, or what must be computed "
          + "at the speed of the processor, whichever takes longer", leaves: 3),
      .init("of floor", .right, "floor / ms"),
      .init("mean", .right, "bytes of pages, columns and policy state, mean of the steps"),
      .init("peak", .right, "the most of these bytes at any time"),
      .init(
        "moved", .right, "bytes of weights and rows that a prompt or a step needs at least",
        leaves: 5),
      .init("state", .right, "bytes that the policy keeps beside them", leaves: 6),
      .init("rows/lane", .right, "rows that a lane holds at the end, on average", leaves: 2),
      .init("at end", .right, "bytes of pages, columns and policy state then", leaves: 2),
    ]
  }

  /// The speedup from decoding several sequences together.
  private func batches(isWide: Bool) -> String {
    var table = TextTable([
      .init("together", .left), .init("policy", .left), .init("budget"),
      .init("tokens/s", .right, "of all sequences that decode together"),
      .init("each", .right, "tokens/s of one of them"),
      .init("x alone", .right, "tokens/s over those of one sequence that decodes alone"),
      .init(
        "floor x alone", .right, "the same if the step took no longer than its floor", leaves: 1),
    ])
    for row in rows where row.work == .batch {
      let alone = rows.first { $0.isTheOne(of: row) }
      let cells = [
        alone.map { row.tokensPerSecond.median / $0.tokensPerSecond.median },
        alone.map { Double(row.sequences ?? 1) * $0.seconds.median / row.floorSeconds },
      ].map { $0.map { Quantities.fixed($0, 2) } ?? "-" }
      let each = 1 / row.seconds.median
      table.add(
        [
          row.name, row.label, row.budgetCell(grows: row.grows == true),
          Quantities.speed(row.tokensPerSecond.median), Quantities.speed(each),
        ] + cells)
    }
    return table.page(isWide: isWide)
  }

  private func hooks(isWide: Bool) -> String {
    var table = TextTable([
      .init("hooks", .left, "milliseconds per prompt or step, by the hook they were spent in"),
      .init("policy", .left), .init("budget"),
      .init("prefill", leaves: 3), .init("step", leaves: 3), .init("evict", leaves: 3),
      .init("apply", .right, "in the store, carrying plans out", leaves: 3),
      .init("all", .right, "of these together"),
      .init("of time", .right, "share of the time that all of these took"),
    ])
    for row in rows {
      let time = row.hookSeconds
      let cells = [time.prefill, time.step, time.evict, time.apply, time.total].map {
        Quantities.milliseconds($0)
      }
      let name = [row.name, row.label, row.budgetCell(grows: row.grows == true)]
      table.add(name + cells + [Quantities.percent(row.hookShare)])
    }
    return table.page(isWide: isWide)
  }
}

extension BenchmarkRow {
  /// Whether this row times a single sequence under the depth and configuration of `batch`.
  fileprivate func isTheOne(of batch: BenchmarkRow) -> Bool {
    (work, tokens, configuration.text) == (.decode, batch.tokens, batch.configuration.text)
  }

  /// The name of the work: `"decode at 512"`, `"decode 8 at 512"`.
  var name: String {
    switch work {
    case .prefill: "prefill \(tokens)"
    case .decode: "decode at \(tokens)"
    case .batch: "decode \(sequences ?? 1) at \(tokens)"
    }
  }
}

extension MachineFloor {
  /// A table with a line per number of threads.
  fileprivate var textTable: TextTable {
    var table = TextTable([
      .init("threads"), .init("memory GB/s"), .init("least-most", leaves: 1), .init("cache GB/s"),
      .init("least-most", leaves: 1), .init("GFLOP/s"), .init("least-most", leaves: 1),
    ])
    for team in teams {
      let cells = [team.readBandwidth, team.cacheBandwidth, team.operationRate].flatMap {
        [
          Quantities.fixed($0.median / 1e9, 1),
          Quantities.fixed($0.least / 1e9, 1) + "-" + Quantities.fixed($0.most / 1e9, 1),
        ]
      }
      table.add(["\(team.threads)"] + cells)
    }
    return table
  }
}

extension Quantities {
  /// Seconds as milliseconds, with about three digits: `"0.012"`, `"4.21"`, `"1071"`.
  fileprivate static func milliseconds(_ seconds: Double) -> String {
    let value = seconds * 1000
    return fixed(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)
  }
}
