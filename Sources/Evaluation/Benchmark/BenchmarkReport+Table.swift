import KVPolicyKit
import ReferenceModel
import Reporting

/// The benchmark for people.
extension BenchmarkReport {
  /// The machine, and, if a model ran, how fast each piece of work was and what the hooks took; at
  /// most 120 columns with ordinary labels.
  public var table: String {
    guard let conditions else { return floor.table + "\n" }
    return """
      \(conditions.model): \(conditions.layers) layers x \(conditions.keyHeads) key heads, \
      \(conditions.rowFormat.rawValue) rows, \(conditions.pageRows) rows a page
      \(conditions.threads) thread\(conditions.threads == 1 ? "" : "s")\
      \((conditions.arithmetic ?? .exact).note), chunks of \
      \(conditions.chunk); \(conditions.repeats) repeats, of \(conditions.steps) steps where tokens are decoded

      \(floor.table)

      \(speeds)
      \(batches)
      \(BudgetNote(rows.map { ($0.label, $0.budget, $0.takesBudget) }).line(column: 10))\
      ms        for a prompt, or for one decode step after so many tokens: median of the repeats
      floor     the least time, in ms: what must be moved at the speed of memory, or what must be computed
                at the speed of the processor, whichever takes longer; of floor: floor / ms
      moved     bytes of weights and rows that a prompt or a step needs at least; policy: bytes that the
                policy keeps beside them; resident: bytes of pages, columns and policy state at the end
      \(rowNote(conditions.rowFormat))
      \(hooks)

      Milliseconds per prompt or step: in the policy's prefill, step and evict, and in the store, carrying
      plans out (apply); hooks: the share of the time that all of these took.

      """
  }

  /// What rows in blocks cost, which the floor, a matter of bytes, does not show.
  private func rowNote(_ format: RowFormat) -> String {
    guard format == .q8_0 else { return "" }
    return """
      q8_0      rows take 53% of the bytes of f16, and attention takes longer: each element is made a float
                before it is multiplied, which costs more than the bytes save (docs/performance.md)

      """
  }

  private var speeds: String {
    var table = TextTable([
      ("work", .left), ("policy", .left), ("tokens/s", .right), ("least-most", .right),
      ("ms", .right), ("floor", .right), ("of floor", .right), ("moved", .right),
      ("policy", .right), ("rows/lane", .right), ("resident", .right),
    ])
    for row in rows {
      table.add([
        row.name, row.label, Quantities.speed(row.tokensPerSecond.median),
        Quantities.speed(row.tokensPerSecond.least) + "-"
          + Quantities.speed(row.tokensPerSecond.most),
        Quantities.milliseconds(row.seconds.median), Quantities.milliseconds(row.floorSeconds),
        Quantities.percent(row.floorShare), Quantities.bytes(row.bytes),
        Quantities.bytes(row.policyBytes), Quantities.fixed(row.rowsPerLane, 0),
        Quantities.bytes(row.residentBytes),
      ])
    }
    return table.text
  }

  /// What several sequences gain by decoding together; nothing if none did.
  private var batches: String {
    var table = TextTable([
      ("together", .left), ("policy", .left), ("tokens/s", .right), ("each", .right),
      ("x alone", .right), ("floor x alone", .right),
    ])
    let together = rows.filter { $0.work == .batch }
    for row in together {
      let alone = rows.first { $0.isTheOne(of: row) }
      let cells = [
        alone.map { row.tokensPerSecond.median / $0.tokensPerSecond.median },
        alone.map { Double(row.sequences ?? 1) * $0.seconds.median / row.floorSeconds },
      ].map { $0.map { Quantities.fixed($0, 2) } ?? "-" }
      let each = 1 / row.seconds.median
      table.add(
        [
          row.name, row.label, Quantities.speed(row.tokensPerSecond.median), Quantities.speed(each),
        ] + cells)
    }
    return together.isEmpty
      ? ""
      : """

      \(table.text)

      tokens/s  of all sequences that decode together; each: of one of them
      x alone   tokens/s over those of one sequence that decodes alone; floor x alone: the same if the step
                took no longer than its floor

      """
  }

  private var hooks: String {
    var table = TextTable([
      ("hooks", .left), ("policy", .left), ("prefill", .right), ("step", .right),
      ("evict", .right), ("apply", .right), ("all", .right), ("hooks", .right),
    ])
    for row in rows {
      let time = row.hookSeconds
      let cells = [time.prefill, time.step, time.evict, time.apply, time.total].map {
        Quantities.milliseconds($0)
      }
      table.add([row.name, row.label] + cells + [Quantities.percent(row.hookShare)])
    }
    return table.text
  }
}

extension BenchmarkRow {
  /// Whether this is the decoding of one sequence alone, of which `batch` decodes several.
  fileprivate func isTheOne(of batch: BenchmarkRow) -> Bool {
    (work, tokens, configuration.text) == (.decode, batch.tokens, batch.configuration.text)
  }

  /// What was timed, in words: `"decode at 512"`, `"decode 8 at 512"`.
  var name: String {
    switch work {
    case .prefill: "prefill \(tokens)"
    case .decode: "decode at \(tokens)"
    case .batch: "decode \(sequences ?? 1) at \(tokens)"
    }
  }
}

extension MachineFloor {
  /// A line per number of threads.
  var table: String {
    var table = TextTable([
      ("threads", .right), ("memory GB/s", .right), ("least-most", .right), ("cache GB/s", .right),
      ("least-most", .right), ("GFLOP/s", .right), ("least-most", .right),
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
    return table.text
  }
}

extension Quantities {
  /// Seconds as milliseconds, with about three digits: `"0.012"`, `"4.21"`, `"1071"`.
  fileprivate static func milliseconds(_ seconds: Double) -> String {
    let value = seconds * 1000
    return fixed(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)
  }
}
