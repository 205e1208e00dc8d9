import KVPolicyKit
import Reporting

/// Heat maps of quality over the depth of a needle and the length of a text.
extension SweepReport {
  /// The documents of one depth and one length.
  private struct Spot {
    let depth: Double
    let length: Int
    let score: Interval
  }

  /// A figure for each policy and budget of a task whose records state depths.
  var depthFigures: [ReportFigure] {
    var tasks: [[String]] = []
    for group in groups where !tasks.contains(group.key.everyLength) {
      tasks.append(group.key.everyLength)
    }
    return tasks.enumerated().flatMap { number, task -> [ReportFigure] in
      let groups = groups.filter { $0.key.everyLength == task }
      let columns = groups.flatMap(\.entries).reduce(into: [(policy: Int, budget: String)]()) {
        columns, entry in
        guard entry.samples.contains(where: { $0.depth != nil }),
          !columns.contains(where: { $0.policy == entry.policy && $0.budget == entry.budget })
        else { return }
        columns.append((entry.policy, entry.budget))
      }
      return columns.enumerated().map { index, column in
        depthFigure(groups, column, name: "depth-\(number + 1)-\(index + 1)")
      }
    }
  }

  private func depthFigure(
    _ groups: [ReportGroup], _ column: (policy: Int, budget: String), name: String
  ) -> ReportFigure {
    let spots = groups.flatMap { self.spots(of: $0, column) }
    let lengths = Set(spots.map(\.length)).sorted()
    let depths = Set(spots.map(\.depth)).sorted()
    let (first, scale) = (groups[0], groups[0].scale)
    let values = spots.map { scale.shown($0.score.value) }.filter(\.isFinite)
    let least = scale == .share ? 0.0 : values.min() ?? 0
    let most = scale == .share ? 1.0 : values.max() ?? 1
    func strength(_ value: Double) -> Double {
      let share = most > least ? (value - least) / (most - least) : 1
      return first.cell.task.better == .more ? share : 1 - share
    }
    let words = policies[column.policy].label + (column.budget.isEmpty ? "" : " \(column.budget)")
    let title = scale.title(first.score)
    let cells = depths.map { depth in
      lengths.map { length -> HeatMap.Cell? in
        guard let spot = spots.first(where: { ($0.depth, $0.length) == (depth, length) }) else {
          return nil
        }
        let value = scale.shown(spot.score.value)
        return HeatMap.Cell(
          strength: strength(value),
          text: scale == .share ? Quantities.fixed(value * 100, 0) : Quantities.significant(value),
          tip: "\(words): \(scale.text(spot.score)) \(title), depth \(DepthAxis.text(depth)), "
            + "\(Markup.count(length, "token"))")
      }
    }
    var figure = ReportFigure(
      name, caption: "\(first.cell.task.name), \(first.cell.model.name): \(words)",
      .cells(
        HeatMap(
          title: "\(title) by depth and length: \(words), \(first.cell.task.name)",
          across: ("tokens of the text", lengths.map { Markup.grouped($0) }),
          down: ("depth", depths.map(DepthAxis.text)), cells: cells)),
      better: first.cell.task.better,
      csv: ReportText.csv(
        [
          ("policy", { _ in policies[column.policy].label }), ("budget", { _ in column.budget }),
          ("length", { $0.length }), ("depth", { $0.depth }),
          ("value", { scale.shown($0.score.value) }),
          ("low", { scale.shown($0.score)?.lowerBound }),
          ("high", { scale.shown($0.score)?.upperBound }), ("documents", { $0.score.documents }),
        ], spots))
    figure.policy = column.policy
    return figure
  }

  private func spots(
    of group: ReportGroup, _ column: (policy: Int, budget: String)
  ) -> [Spot] {
    let samples = group.entries.filter {
      $0.policy == column.policy && $0.budget == column.budget
    }.flatMap(\.samples)
    let depths = Set(samples.compactMap(\.depth).filter(\.isFinite)).sorted()
    return depths.prefix(DepthAxis.mostDepths).compactMap { depth in
      let scores = samples.filter { $0.depth == depth }.compactMap {
        $0.document.scores[group.score]
      }
      return Interval(mean: scores).map {
        Spot(depth: depth, length: group.cell.length, score: $0)
      }
    }
  }
}

/// Depths as names of rows.
private enum DepthAxis {
  /// The most depths of a map.
  static let mostDepths = 64

  /// A depth in percent: `12.5%`.
  static func text(_ depth: Double) -> String { Markup.coordinate(depth) + "%" }
}
