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
    let full = report.policies.filter { $0.budget == nil }.prefix(1).map { full in
      LineChart.Series(
        full.label,
        points: [least, full.residentBytes].map { .init(x: Double($0), y: full.all.share) },
        color: .neutral, isDashed: true)
    }
    return full
      + labels.enumerated().map { index, label in
        let policies = report.policies.filter { $0.label == label && $0.budget != nil }
        let points = policies.map {
          LineChart.Point(x: Double($0.residentBytes), y: $0.all.share)
        }
        return .init(label, points: points.sorted { $0.x < $1.x }, color: .hue(index))
      }
  }

  var placesSection: String {
    guard report.policies.contains(where: { !$0.places.isEmpty }) else { return "" }
    let lines =
      placeLines(nil)
      + labels.enumerated().map { index, label in
        LineChart.Series(label, points: [], color: .hue(index))
      }
    let figures = budgets.map { budget in
      """
      <figure><figcaption>a budget of \(Markup.count(budget, "row")) per lane</figcaption>
      \(placeChart(budget).svg(for: .page))</figure>
      """
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

  private func placeChart(_ budget: Int) -> LineChart {
    var chart = LineChart(
      title: "Share of right answers by place in the response, \(budget) rows per lane",
      x: .init("tokens into the response", range: 0...Double(max(1, report.responseTokens))),
      y: .init("right answers", unit: .percent, range: 0...1))
    (chart.width, chart.height, chart.hasKey) = (380, 270, false)
    chart.series = placeLines(nil) + placeLines(budget)
    return chart
  }

  /// Lines through the middles of the places; those at which nothing was checked interrupt them.
  private func placeLines(_ budget: Int?) -> [LineChart.Series] {
    let policies = report.policies.filter { $0.budget == budget }
    return policies.prefix(budget == nil ? 1 : policies.count).map { policy in
      let points = policy.places.map { place in
        LineChart.Point(
          x: Double(place.from + place.to) / 2,
          y: place.tally.checks == 0 ? .nan : place.tally.share)
      }
      let color = labels.firstIndex(of: policy.label).map(LineChart.Color.hue)
      return .init(
        policy.label, points: points, color: budget == nil ? .neutral : color ?? .neutral,
        isDashed: budget == nil)
    }
  }
}
