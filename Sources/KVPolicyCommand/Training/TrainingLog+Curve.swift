import Evaluation
import Training
import Reporting

extension TrainingLog {
  /// An SVG chart of the loss, and of the share of held-out tokens predicted wrongly, over the
  /// tokens read.
  var curve: String {
    var chart = LineChart(
      title: "Training on the mini tasks", x: .init("tokens read", unit: .count),
      y: .init("loss in nats, share of errors", scale: .decimal))
    let checks = rows.compactMap { row in
      row.check.map { LineChart.Point(x: Double(row.tokens), y: 1 - $0.accuracy) }
    }
    chart.series = [
      .init(
        "loss", points: rows.map { .init(x: Double($0.tokens), y: $0.loss) }, color: .neutral),
      .init("held-out tokens wrong", points: checks, color: .hue(0)),
    ]
    return chart.svg()
  }
}
