import KVPolicyKit
import Reporting

/// A line of a task's table: the means of an entry, as numbers.
struct ReportRow: Sendable {
  /// The number of the policy among the report's policies, and its name.
  let policy: Int
  let label: String
  /// The budget as it was asked for; empty without one.
  let budget: String
  /// One of the entry's cells.
  let cell: SweepCell
  let isFull: Bool
  let seeds: Int
  let documents: Int
  /// The score's mean over documents.
  let quality: Interval?
  /// The difference to the report's reference on the same documents; nil for the reference itself.
  let difference: PairedDifference?
  let scale: ScoreScale
  /// Rows per lane at the end; rows per lane that a step reads, nil if steps read everything.
  let rowsHeld: Double?
  let rowsRead: Double?
  /// Bytes at the end, on average over steps, and at most.
  let residentBytes: Double?
  let meanResidentBytes: Double?
  let peakResidentBytes: Double?
  let policyStateBytes: Double?
  let footprint: Double?
  let peakFootprint: Double?
  /// Seconds of a document's first prompt, and tokens per second after it.
  let firstTokenSeconds: Double?
  let tokensPerSecond: Double?

  init(
    _ entry: ReportEntry, reference: ReportEntry?, _ policy: SweepReport.Policy,
    of group: ReportGroup
  ) {
    let documents = entry.samples.map(\.document)
    func mean(_ value: (SweepDocument) -> Double?) -> Double? {
      ReportRow.mean(documents.compactMap(value))
    }
    (self.policy, label, budget) = (entry.policy, policy.label, entry.budget)
    (cell, isFull, scale) = (entry.cell, entry.isFull, group.scale)
    (seeds, self.documents) = (Set(entry.seeds).count, documents.count)
    quality = entry.interval(group.score)
    difference = reference.flatMap { entry.difference(to: $0, in: group.score) }
    let lanes = Double(entry.cell.model.layers) * Double(entry.cell.model.keyHeads)
    rowsHeld = mean { Double($0.cache.rowsLive) / lanes }
    rowsRead = mean(\.cache.meanReadRows)
    residentBytes = mean { Double($0.cache.residentBytes) }
    meanResidentBytes = mean { Double($0.cache.meanResidentBytes) }
    peakResidentBytes = documents.map { Double($0.cache.peakResidentBytes) }.max()
    policyStateBytes = mean { Double($0.cache.policyStateBytes) }
    footprint = mean(\.cache.footprint)
    peakFootprint = mean(\.cache.peakFootprint)
    firstTokenSeconds = ReportRow.mean(entry.samples.compactMap { $0.times?.firstTokenSeconds })
    let timed = entry.samples.filter { $0.times != nil }
    let seconds = timed.reduce(0) { $0 + ($1.times?.decodeSeconds ?? 0) }
    let tokens = timed.reduce(0) { $0 + Double($1.document.decodeTokens) }
    tokensPerSecond = seconds > 0 ? tokens / seconds : nil
  }

  private static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Whether the interval of the difference holds 0; nil without a difference.
  var isWithin: Bool? { difference.map(\.isWithinInterval) }

  /// The columns for programs. Scores are as measured: shares from 0 to 1, perplexities as nats.
  static var fields: [ReportText.Field<ReportRow>] {
    [
      ("model", { $0.cell.model.name }), ("content", { $0.cell.model.content }),
      ("task", { $0.cell.task.name }), ("settings", { $0.cell.task.settings.text }),
      ("length", { $0.cell.length }), ("policy", { $0.label }),
      ("configuration", { $0.cell.policy.configuration.text }),
      ("budget", { $0.budget.isEmpty ? JSONValue.null : .string($0.budget) }),
      ("seeds", { $0.seeds }), ("documents", { $0.documents }),
      ("score", { $0.cell.task.score }), ("better", { $0.cell.task.better.rawValue }),
      ("quality", { number($0.quality?.value) }),
      ("qualityLow", { number($0.quality?.range?.lowerBound) }),
      ("qualityHigh", { number($0.quality?.range?.upperBound) }),
      ("difference", { number($0.difference?.difference.value) }),
      ("differenceLow", { number($0.difference?.difference.range?.lowerBound) }),
      ("differenceHigh", { number($0.difference?.difference.range?.upperBound) }),
      ("withinInterval", { $0.isWithin }), ("rowsHeld", { number($0.rowsHeld) }),
      ("rowsRead", { number($0.rowsRead) }), ("residentBytes", { number($0.residentBytes) }),
      ("meanResidentBytes", { number($0.meanResidentBytes) }),
      ("peakResidentBytes", { number($0.peakResidentBytes) }),
      ("policyStateBytes", { number($0.policyStateBytes) }),
      ("footprint", { number($0.footprint) }), ("peakFootprint", { number($0.peakFootprint) }),
      ("firstTokenSeconds", { number($0.firstTokenSeconds) }),
      ("tokensPerSecond", { number($0.tokensPerSecond) }),
    ]
  }

  /// A mean, as an integer where it is whole; nothing where there is no finite number.
  private static func number(_ value: Double?) -> JSONValue {
    guard let value, value.isFinite else { return .null }
    return Int(exactly: value).map { JSONValue.integer($0) } ?? .number(value)
  }
}

/// A column of a task's table for people.
struct ReportColumn: Sendable {
  let title: String
  /// Whether the column is sorted as text.
  let isText: Bool
  /// The text of a cell.
  let text: @Sendable (ReportRow) -> String
  /// The number by which rows are sorted; nil sorts last.
  let value: @Sendable (ReportRow) -> Double?

  private init(
    _ title: String, text: @escaping @Sendable (ReportRow) -> String,
    value: (@Sendable (ReportRow) -> Double?)? = nil
  ) {
    (self.title, self.text, isText) = (title, text, value == nil)
    self.value = { row in value?(row).flatMap { $0.isFinite ? $0 : nil } }
  }

  /// A column of a number that may be missing or not finite.
  private init(
    _ title: String, _ value: @escaping @Sendable (ReportRow) -> Double?,
    _ text: @escaping @Sendable (Double) -> String
  ) {
    self.init(
      title,
      text: { row in value(row).flatMap { $0.isFinite ? text($0) : nil } ?? "–" }, value: value)
  }

  /// The columns of a table.
  ///
  /// - Parameters:
  ///   - title: what the score is called.
  ///   - unit: the unit of differences.
  ///   - reference: the policy to which the differences are taken.
  static func all(
    score title: String, difference unit: String, to reference: String
  ) -> [ReportColumn] {
    let bytes: @Sendable (Double) -> String = {
      Quantities.bytes(Int(exactly: $0.rounded()) ?? .max)
    }
    return [
      ReportColumn("policy", text: { $0.label }),
      ReportColumn(
        "budget", text: { $0.budget.isEmpty ? "–" : $0.budget }, value: { $0.budgetSize }),
      ReportColumn(title, text: { $0.scale.text($0.quality) }, value: { $0.quality?.value }),
      ReportColumn(
        "to \(reference), \(unit)",
        text: { $0.scale.difference($0.difference) },
        value: { $0.difference?.difference.value }),
      ReportColumn(
        "within the interval", text: { $0.isWithin.map { $0 ? "yes" : "no" } ?? "–" }),
      ReportColumn("rows held", { $0.rowsHeld }) { Quantities.fixed($0, 0) },
      ReportColumn("rows read", { $0.rowsRead }) { Quantities.fixed($0, 0) },
      ReportColumn("bytes, mean", { $0.meanResidentBytes }, bytes),
      ReportColumn("bytes, peak", { $0.peakResidentBytes }, bytes),
      ReportColumn("bytes at end", { $0.residentBytes }, bytes),
      ReportColumn("policy bytes", { $0.policyStateBytes }, bytes),
      ReportColumn("footprint", { $0.footprint }) { Quantities.percent($0) },
      ReportColumn("peak footprint", { $0.peakFootprint }) { Quantities.percent($0) },
      ReportColumn("first token, ms", { $0.firstTokenSeconds }) { Quantities.fixed($0 * 1000, 1) },
      ReportColumn("tokens/s", { $0.tokensPerSecond }) { Quantities.speed($0) },
      ReportColumn("documents", { Double($0.documents) }) { Quantities.fixed($0, 0) },
    ]
  }
}

extension ReportRow {
  /// The size of the budget, by which budgets of one kind are sorted: bytes, else rows.
  fileprivate var budgetSize: Double? {
    (cell.budget.bytes ?? cell.budget.rows).map { Double($0) }
  }
}
