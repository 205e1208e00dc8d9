import Reporting

/// The charts of a page: right answers by memory, and right answers along the response.
extension TaskPage {
  var memorySection: String {
    var chart = LineChart(
      title: "Share of right answers by resident bytes",
      x: .init(
        "resident bytes at the end of a document", scale: .binary, unit: .bytes, measure: "resident"
      ),
      y: .init("right answers", unit: .percent, range: 0...1, measure: TaskPage.measure))
    chart.series = memoryLines
    var narrow = chart
    (narrow.width, narrow.height, narrow.hasKey) = (380, 320, false)
    return """
      <section aria-labelledby="memory-heading">
      <h2 id="memory-heading">Right answers by memory</h2>
      <p>Higher is better, and so is further left: more right answers, less memory. Each policy has one mark per
      budget; what it stores for itself counts. The dashed line is full attention, up to the memory it
      takes.</p>
      <figure class="wide">\(chart.svg(for: .page))</figure>
      <figure class="narrow">\(ChartKey.html(chart.series))\(narrow.svg(for: .page))</figure>
      \(intervalNote)
      </section>
      """
  }

  /// The quantity of a share, in tooltips.
  private static let measure = "of checks right"

  /// How the intervals are computed; empty if no policy has an interval.
  private var intervalNote: String {
    guard report.policies.contains(where: { $0.margin != nil }) else { return "" }
    return """
      <p class="note">The bars, and ± in the table, are 95% intervals: other documents of the same kind would move
      a share about so far. A share is a ratio of two sums over documents, checks passed and checks asked; its
      standard error is taken from the documents' residuals, times Student's t for
      \(Markup.count(max(1, report.documents) - 1, "degree")) of freedom. All policies answered the same
      documents, so one can be surely ahead of another although their bars overlap.</p>
      """
  }

  /// A line for full attention, from the least memory of any policy to its own memory, then a line
  /// per policy.
  private var memoryLines: [LineChart.Series] {
    let least = report.policies.map(\.residentBytes).min() ?? 0
    let full = report.policies.prefix(1).map { full in
      LineChart.Series(
        full.label,
        points: [least, full.residentBytes].map {
          .init(x: Double($0), y: full.all.share, interval: full.interval)
        },
        color: .neutral, isDashed: true)
    }
    return full
      + labels.enumerated().map { index, label in
        let policies = report.policies.dropFirst().filter { $0.label == label }
        let points = policies.map {
          LineChart.Point(
            x: Double($0.residentBytes), y: $0.all.share, interval: $0.interval)
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
        "a budget of \(budget.words)", title: budget.words,
        report.policies.filter { $0.amount == budget })
    }
    if !unbudgeted.isEmpty {
      figures.append(placeFigure(TaskPage.unbudgetedTitle, title: "no budget", unbudgeted))
    }
    return """
      <section aria-labelledby="places-heading">
      <h2 id="places-heading">Right answers by place in the response</h2>
      <p>The further on in its answer, the longer ago the model read the prompt, and the more a policy has had to
      forget since.</p>
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
      x: .init(
        "tokens into the response", unit: .whole, range: 0...Double(max(1, report.responseTokens))),
      y: .init("right answers", unit: .percent, range: 0...1, measure: TaskPage.measure))
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

  /// A line through the middles of the stretches; a stretch without checks interrupts it.
  private func placeLine(_ policy: TaskMeasurement, _ color: LineChart.Color) -> LineChart.Series {
    let points = policy.places.map { place in
      LineChart.Point(
        x: (Double(place.from) + Double(place.to)) / 2,
        y: place.tally.checks == 0 ? .nan : place.tally.share)
    }
    return .init(policy.label, points: points, color: color)
  }
}
