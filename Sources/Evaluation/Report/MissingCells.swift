import Reporting

/// The cells that a full grid of the report's policies and budgets, tasks and seeds would have, and
/// that no record has.
struct MissingCells {
  /// By group: its words, and the missing cells in words.
  private(set) var groups: [(words: String, cells: [String])] = []
  /// Cells of the grid.
  private(set) var expected = 0

  /// The missing cells.
  var count: Int { groups.reduce(0) { $0 + $1.cells.count } }

  init(_ groups: [ReportGroup], policies: [SweepReport.Policy]) {
    /// A policy with a budget, in the words of a reader.
    func column(_ entry: ReportEntry) -> String {
      policies[entry.policy].label + (entry.budget.isEmpty ? "" : " \(entry.budget)")
    }
    var columns: [String] = []
    var known: Set<String> = []
    for entry in groups.flatMap(\.entries) where known.insert(column(entry)).inserted {
      columns.append(column(entry))
    }
    let hasFull = policies.contains(where: \.isFull)
    for group in groups {
      let seeds = Set(group.entries.flatMap(\.seeds)).sorted()
      let had = Set(
        group.entries.flatMap { entry in entry.seeds.map { "\(column(entry))\n\($0)" } })
      var cells: [String] = []
      for column in columns {
        for seed in seeds where !had.contains("\(column)\n\(seed)") {
          cells.append(column + (seeds.count > 1 ? " with seed \(seed)" : ""))
        }
      }
      expected += columns.count * seeds.count + (hasFull ? 0 : 1)
      if !hasFull { cells.insert("full attention, with which others are compared", at: 0) }
      if !cells.isEmpty { self.groups.append((group.words, cells)) }
    }
  }

  /// The most cells that are named for a group, and the most groups.
  private static let (mostCells, mostGroups) = (8, 8)

  /// The missing cells in sentences; empty if there are none.
  var notes: [String] {
    guard count > 0 else { return [] }
    let named = groups.prefix(MissingCells.mostGroups).map { group in
      let cells = group.cells.prefix(MissingCells.mostCells)
      let rest = group.cells.count - cells.count
      return "no record for \(group.words): \(cells.joined(separator: ", "))"
        + (rest > 0 ? " and \(rest) more" : "")
    }
    let rest = groups.count - named.count
    return [
      "cells are missing: the tasks, seeds, policies and budgets of the records make a grid of "
        + "\(Markup.count(expected, "cell")), and \(Markup.grouped(count)) of them have no record"
    ] + named + (rest > 0 ? ["and missing cells of \(Markup.count(rest, "more task"))"] : [])
  }
}
