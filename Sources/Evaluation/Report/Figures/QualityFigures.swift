import Reporting

/// Quality against what it costs, with the Pareto front.
extension SweepReport {
  /// A quantity of which less is better.
  private struct Cost: Sendable {
    let name: String
    let axis: LineChart.Axis
    let value: @Sendable (ReportRow) -> Double?

    static let all = [
      Cost(
        name: "mean-bytes",
        axis: .init(
          "resident bytes, mean over steps", scale: .binary, unit: .bytes, measure: "on average"),
        value: { $0.meanResidentBytes }),
      Cost(
        name: "peak-bytes",
        axis: .init("resident bytes, peak", scale: .binary, unit: .bytes, measure: "at the peak"),
        value: { $0.peakResidentBytes }),
      Cost(
        name: "footprint",
        axis: .init(
          "footprint, rows × time of full attention's", unit: .percent, measure: "footprint"),
        value: { $0.footprint }),
    ]
  }

  func qualityFigures(of group: ReportGroup) -> [ReportFigure] {
    Cost.all.map { qualityFigure(of: group, by: $0) }
  }

  private func qualityFigure(of group: ReportGroup, by cost: Cost) -> ReportFigure {
    let better = group.cell.task.better
    let rows = group.rows.compactMap { row in
      cost.value(row).flatMap { x in row.quality.map { (row: row, x: x, quality: $0) } }
    }
    let scale = group.scale
    let front = ParetoFront.indices(
      of: rows.map { ($0.x, scale.shown($0.quality.value)) }, better: better)
    var chart = LineChart(
      title: "\(scale.title(group.score)) by \(cost.axis.title): \(group.words)",
      x: cost.axis,
      y: scale.axis(
        group.score, better: better,
        over: rows.flatMap {
          [$0.quality.value, $0.quality.range?.lowerBound, $0.quality.range?.upperBound]
            .compactMap(\.self)
        }))
    chart.front = front.map { .init(x: rows[$0].x, y: scale.shown(rows[$0].quality.value)) }
    let least = rows.map(\.x).filter { $0.isFinite && $0 > 0 }.min() ?? 0
    chart.series = policies.indices.compactMap { policy in
      var points = rows.filter { $0.row.policy == policy }.sorted { $0.x < $1.x }
        .map { scale.point(x: $0.x, $0.quality, note: $0.row.budget) }
      guard let first = points.first else { return nil }
      // Full attention is a line to compare with, up to its own cost.
      if policies[policy].isFull { points.insert(.init(x: least, y: first.y), at: 0) }
      return series(of: policy, points)
    }
    let members = Set(front)
    let lines = rows.indices.map { index in (rows[index], members.contains(index)) }
    return ReportFigure(
      "\(group.slug)-\(cost.name)",
      caption: cost.axis.title, .lines(chart), better: better,
      csv: ReportText.csv(
        [
          ("policy", { $0.0.row.label }), ("budget", { $0.0.row.budget }), (cost.name, { $0.0.x }),
          ("quality", { scale.shown($0.0.quality.value) }),
          ("low", { scale.shown($0.0.quality)?.lowerBound }),
          ("high", { scale.shown($0.0.quality)?.upperBound }),
          ("documents", { $0.0.row.documents }), ("front", { $0.1 ? "1" : "0" }),
        ], lines))
  }
}
