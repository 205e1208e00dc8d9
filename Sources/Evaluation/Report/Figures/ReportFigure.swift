import Reporting

/// A figure of the report: a drawing, and the numbers that it shows.
public struct ReportFigure: Sendable {
  /// What is drawn.
  enum Drawing: Sendable {
    case lines(LineChart)
    case cells(HeatMap)
  }

  /// The name of its files, without an extension: letters, digits and dashes; no two figures of a
  /// report have the same.
  public let name: String
  /// The figure's caption on a page.
  let caption: String
  let drawing: Drawing
  /// The direction of the vertical axis.
  let better: SweepCell.Better
  /// The policy of a figure that is about only one.
  var policy: Int?
  /// The numbers, as comma-separated values with a header.
  public let csv: String

  init(
    _ name: String, caption: String, _ drawing: Drawing, better: SweepCell.Better, csv: String
  ) {
    (self.name, self.caption, self.drawing) = (name, caption, drawing)
    (self.better, self.csv) = (better, csv)
  }

  /// The figure as an SVG file of its own.
  public var svg: String {
    switch drawing {
    case .lines(var chart):
      (chart.width, chart.hasKey) = (720, true)
      // Every name of the key needs a line.
      chart.height = max(400, 112 + 18 * Double(chart.series.count))
      return chart.svg()
    case .cells(var map):
      map.width = max(380, 90 * Double(map.across.names.count) + 120)
      return map.svg()
    }
  }

  /// The figure as part of a page.
  var pageSVG: String {
    switch drawing {
    case .lines(var chart):
      (chart.width, chart.height, chart.hasKey) = (380, 300, false)
      return chart.svg(for: .page)
    case .cells(let map): return map.svg(for: .page)
    }
  }

  /// A name in letters, digits and dashes, of at most 40 characters.
  static func slug(_ words: String...) -> String {
    let text = words.joined(separator: "-").unicodeScalars.map { scalar in
      scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
        ? String(scalar).lowercased() : "-"
    }.joined()
    return String(text.split(separator: "-").joined(separator: "-").prefix(40))
  }
}

extension SweepReport {
  /// All figures: each task's, then heat maps over depths and lengths.
  public var figures: [ReportFigure] { groups.flatMap(figures(of:)) + depthFigures }

  /// The figures of a task.
  func figures(of group: ReportGroup) -> [ReportFigure] {
    qualityFigures(of: group) + placeFigures(of: group)
  }

  /// The style of a policy's lines.
  func color(of policy: Int) -> LineChart.Color {
    policies[policy].isFull
      ? .neutral : .hue(policies[..<policy].count { !$0.isFull })
  }

  /// A line of a policy.
  func series(
    of policy: Int, named name: String? = nil, _ points: [LineChart.Point]
  ) -> LineChart.Series {
    var series = LineChart.Series(
      name ?? policies[policy].label, points: points, color: color(of: policy),
      isDashed: policies[policy].isFull)
    series.policy = policy
    return series
  }
}

extension ReportGroup {
  /// The beginning of the names of the group's figures.
  var slug: String { "\(number)-" + ReportFigure.slug(cell.task.name, "\(cell.length)") }
}
