import Reporting

/// The charts of a page: right answers by memory, and by place in the response.
extension TaskPage {
  var memorySection: String {
    var chart = LineChart(
      title: "Share of right answers by resident bytes",
      x: .init("resident bytes at the end of a document", scale: .binary, unit: .bytes),
      y: .init("right answers", unit: .percent, range: 0...1))
    chart.series = memoryLines
    var narrow = chart
    (narrow.width, narrow.height, narrow.hasKey) = (380, 320, false)
    return """
      <section aria-labelledby="memory-heading">
      <h2 id="memory-heading">Right answers by memory</h2>
      <p>One mark per budget; what a policy stores for itself counts. The dashed line is full attention, up to
      the memory it takes.</p>
      <figure class="wide">\(chart.svg(for: .page))</figure>
      <figure class="narrow">\(ChartKey.html(chart.series))\(narrow.svg(for: .page))</figure>
      </section>
      """
  }

  /// Full attention, from the least memory of any policy to its own, then a line per policy.
  private var memoryLines: [LineChart.Series] {
    let least = report.policies.map(\.residentBytes).min() ?? 0
    let full = report.policies.prefix(1).map { full in
      LineChart.Series(
        full.label,
        points: [least, full.residentBytes].map { .init(x: Double($0), y: full.all.share) },
        color: .neutral, isDashed: true)
    }
    return full
      + labels.enumerated().map { index, label in
        let policies = report.policies.dropFirst().filter { $0.label == label }
        let points = policies.map {
          LineChart.Point(x: Double($0.residentBytes), y: $0.all.share)
        }
        return .init(label, points: points.sorted { $0.x < $1.x }, color: .hue(index))
      }
  }

  var placesSection: String {
    guard report.policies.contains(where: { !$0.places.isEmpty }) else { return "" }
    let lines =
      referencePlaces
      + labels.enumerated().map { index, label in
        LineChart.Series(label, points: [], color: .hue(index))
      }
    var figures = budgets.map { budget in
      placeFigure(
        "a budget of \(Markup.count(budget, "row")) per lane", title: "\(budget) rows per lane",
        report.policies.filter { $0.budget == budget })
    }
    if !unbudgeted.isEmpty {
      figures.append(placeFigure(TaskPage.unbudgetedTitle, title: "no budget", unbudgeted))
    }
    return """
      <section aria-labelledby="places-heading">
      <h2 id="places-heading">Right answers by place in the response</h2>
      <p>The further on, the longer ago the prompt was read.</p>
      \(ChartKey.html(lines))
      <div class="multiples">
      \(figures.joined(separator: "\n"))
      </div>
      </section>
      """
  }

  private func placeFigure(
    _ caption: String, title: String, _ policies: [TaskMeasurement]
  ) -> String {
    var chart = LineChart(
      title: "Share of right answers by place in the response, \(title)",
      x: .init("tokens into the response", range: 0...Double(max(1, report.responseTokens))),
      y: .init("right answers", unit: .percent, range: 0...1))
    (chart.width, chart.height, chart.hasKey) = (380, 270, false)
    chart.series =
      referencePlaces
      + policies.map { policy in
        placeLine(policy, labels.firstIndex(of: policy.label).map(LineChart.Color.hue) ?? .neutral)
      }
    return """
      <figure><figcaption>\(caption)</figcaption>
      \(chart.svg(for: .page))</figure>
      """
  }

  /// The dashed line of full attention.
  private var referencePlaces: [LineChart.Series] {
    report.policies.prefix(1).map { full in
      var line = placeLine(full, .neutral)
      line.isDashed = true
      return line
    }
  }

  /// A line through the middles of the places; those at which nothing was checked interrupt it.
  private func placeLine(_ policy: TaskMeasurement, _ color: LineChart.Color) -> LineChart.Series {
    let points = policy.places.map { place in
      LineChart.Point(
        x: Double(place.from + place.to) / 2,
        y: place.tally.checks == 0 ? .nan : place.tally.share)
    }
    return .init(policy.label, points: points, color: color)
  }
}
