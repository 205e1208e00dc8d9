import Reporting

/// Scores by position: how quality changes along a text or a response.
extension SweepReport {
  /// The scores of one stretch over all documents.
  private struct Place {
    let entry: ReportEntry
    let label: String
    /// The middle of the stretch, on average over documents.
    let position: Double
    let score: Interval
  }

  /// A figure for each score and each budget, and for the policies without a budget.
  func placeFigures(of group: ReportGroup) -> [ReportFigure] {
    let names = [group.score, "divergence"].reduce(into: [String]()) { names, name in
      if !names.contains(name) { names.append(name) }
    }
    return names.flatMap { name -> [ReportFigure] in
      let has = group.entries.contains { entry in
        entry.samples.contains { $0.document.stretches.contains { $0.scores[name] != nil } }
      }
      guard has else { return [] }
      let others = group.entries.filter { !$0.isFull }
      let budgets = group.budgets + (others.contains { $0.budget.isEmpty } ? [""] : [])
      return budgets.enumerated().map { index, budget in
        placeFigure(name, group, number: index + 1, budget: budget)
      }
    }
  }

  private func placeFigure(
    _ score: String, _ group: ReportGroup, number: Int, budget: String
  ) -> ReportFigure {
    let isQuality = score == group.score
    let better = isQuality ? group.cell.task.better : .less
    let scale = isQuality ? group.scale : .number
    let entries = group.entries.filter { $0.isFull || $0.budget == budget }
    let places = entries.flatMap { self.places(of: $0, score) }
    let isText = group.cell.protocol.sampling == .forced
    let condition = budget.isEmpty ? "no budget" : "a budget of \(budget)"
    let title =
      isQuality
      ? scale.title(score)
      : score == "divergence" ? "divergence from full, nats" : score
    var chart = LineChart(
      title: "\(title) by position, \(condition): \(group.words)",
      x: .init(isText ? "tokens into the text" : "tokens into the response", unit: .whole),
      y: isQuality
        ? scale.axis(score, better: better, over: places.map(\.score.value))
        : .init(title + ", lower is better", measure: title))
    chart.series = entries.map { entry in
      let points = places.filter { $0.entry.policy == entry.policy && $0.entry.cell == entry.cell }
      return series(
        of: entry.policy,
        points.map { LineChart.Point(x: $0.position, y: scale.shown($0.score.value)) })
    }
    return ReportFigure(
      "\(group.slug)-by-place-\(ReportFigure.slug(score))-\(number)",
      caption: "\(title) by position, \(condition)", .lines(chart), better: better,
      csv: ReportText.csv(
        [
          ("policy", { $0.label }), ("budget", { $0.entry.budget }), ("position", { $0.position }),
          ("value", { scale.shown($0.score.value) }),
          ("low", { scale.shown($0.score)?.lowerBound }),
          ("high", { scale.shown($0.score)?.upperBound }),
        ], places))
  }

  /// The n-th stretches of all documents together, for each n; stretches without the score are left
  /// out.
  private func places(of entry: ReportEntry, _ score: String) -> [Place] {
    let documents = entry.samples.map(\.document)
    let count = documents.map(\.stretches.count).max() ?? 0
    return (0..<count).compactMap { index in
      let stretches = documents.compactMap {
        $0.stretches.indices.contains(index) ? $0.stretches[index] : nil
      }.filter { $0.scores[score] != nil }
      guard let interval = Interval(mean: stretches.compactMap { $0.scores[score] }) else {
        return nil
      }
      let middles = stretches.map { (Double($0.from) + Double($0.to)) / 2 }
      return Place(
        entry: entry, label: policies[entry.policy].label,
        position: middles.reduce(0, +) / Double(middles.count), score: interval)
    }
  }
}
