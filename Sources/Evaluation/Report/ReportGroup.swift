import KVPolicyKit
import Reporting

/// One document of a cell, with the seed that it was drawn from.
struct ReportSample: Sendable {
  let seed: Int
  let document: SweepDocument
  let times: SweepTimes.Document?
  /// The depth of the needle in percent, if the record states one.
  let depth: Double?
}

/// The documents of one policy with one budget on one task, over all seeds.
struct ReportEntry: Sendable {
  /// The number of the policy among the report's policies.
  let policy: Int
  /// One of the cells; they differ in the seed alone.
  let cell: SweepCell
  /// The documents in the order of seeds and numbers.
  var samples: [ReportSample] = []
  /// The seeds in the order of the records.
  var seeds: [Int] = []

  /// The budget as it was asked for; empty without one.
  var budget: String { cell.budget.asked ?? "" }
  /// Whether it is full attention.
  var isFull: Bool {
    guard case .object(let members) = cell.policy.configuration else { return false }
    return members == ["policy": .string(Comparison.reference.main.policy)]
  }

  /// A score over the documents that have it.
  func interval(_ score: String) -> Interval? {
    Interval(mean: samples.compactMap { $0.document.scores[score] })
  }

  /// The difference to another entry on the documents that both have.
  func difference(to other: ReportEntry, in score: String) -> PairedDifference? {
    var known: [[Int]: SweepScore] = [:]
    for sample in other.samples {
      known[[sample.seed, sample.document.number]] = sample.document.scores[score]
    }
    return PairedDifference(
      samples.compactMap { sample in
        guard let mine = sample.document.scores[score],
          let theirs = known[[sample.seed, sample.document.number]]
        else { return nil }
        return (mine, theirs)
      })
  }
}

/// The cells that can be compared with each other: one model, task, length and set of options.
struct ReportGroup: Sendable {
  /// What the cells of a group have in common.
  struct Key: Hashable, Sendable {
    let model: String
    let task: String
    let settings: String
    let score: String
    let length: Int
    let options: String

    init(_ cell: SweepCell) {
      model = cell.model.content
      (task, settings, score) = (cell.task.name, cell.task.settings.text, cell.task.score)
      length = cell.length
      options = (try? ReportText.json(cell.options, layout: [])) ?? ""
    }

    /// The key without the length, for heat maps over lengths.
    var everyLength: [String] { [model, task, settings, score, options] }
  }

  let key: Key
  /// The place of the group in the report, from 1.
  let number: Int
  /// One of the cells.
  let cell: SweepCell
  /// The entries in the order of the records; full attention first.
  var entries: [ReportEntry] = []

  /// Computes the rows, once all entries are there.
  ///
  /// - Parameters:
  ///   - policies: the report's policies.
  ///   - reference: the number of the policy to which differences are taken.
  mutating func finish(_ policies: [SweepReport.Policy], reference: Int) {
    let means = entries.compactMap { $0.interval(score)?.value }
    scale = ScoreScale(score, better: cell.task.better, means: means.filter(\.isFinite))
    let others = entries.filter { $0.policy == reference }
    rows = entries.map { entry in
      // A policy without budgets is the reference of every budget.
      let other = others.first { $0.budget == entry.budget } ?? others.first { $0.budget.isEmpty }
      let isReference = entry.policy == reference
      return ReportRow(
        entry, reference: isReference ? nil : other, policies[entry.policy], of: self)
    }
  }

  /// Full attention, if there is a record of it.
  var full: ReportEntry? { entries.first { $0.isFull } }
  /// The score that says how good a policy is.
  var score: String { cell.task.score }
  /// How the score is shown.
  private(set) var scale = ScoreScale.number
  /// The rows of the table, one for each entry.
  private(set) var rows: [ReportRow] = []
  /// The budgets that were asked for, in the order of the records.
  var budgets: [String] {
    entries.reduce(into: []) { budgets, entry in
      if !budgets.contains(entry.budget), !entry.budget.isEmpty { budgets.append(entry.budget) }
    }
  }

  /// The task in words: `questions, 768 tokens, bundled`.
  var words: String {
    "\(cell.task.name), \(Markup.count(cell.length, "token")), \(cell.model.name)"
  }
}
