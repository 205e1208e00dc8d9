/// The drawing of a chart: its scales, and their coordinates in the picture.
struct ChartDrawing {
  private let chart: LineChart
  private let place: LineChart.Place
  private let across: ChartScale
  private let up: ChartScale
  /// The left edge of texts.
  private let margin: Double
  /// The limits of the plot, in units of the picture; `top < bottom`.
  private let left: Double
  private let right: Double
  private let top: Double
  private let bottom: Double

  init(of chart: LineChart, for place: LineChart.Place) {
    (self.chart, self.place) = (chart, place)
    let points = chart.series.flatMap(\.points)
      .filter { chart.x.shows($0.x) && chart.y.shows($0.y) }
    (margin, top) = place == .alone ? (14, 64) : (0, 30)
    bottom = max(top + 40, chart.height - 48)
    let limits = points.compactMap(\.interval).flatMap { [$0.lowerBound, $0.upperBound] }
    up = ChartScale(chart.y, over: points.map(\.y) + limits, most: Int((bottom - top) / 36))
    left = margin + 12 + up.marks.reduce(0) { max($0, ChartKey.width(of: $1.label)) }
    let keyWidth = chart.hasKey ? ChartKey.width(of: chart.series) : 18
    right = max(left + 60, chart.width - keyWidth)
    across = Self.across(chart.x, over: points.map(\.x), width: right - left)
  }

  /// A horizontal axis with as many marks as leave room for their labels.
  private static func across(
    _ axis: LineChart.Axis, over values: [Double], width: Double
  ) -> ChartScale {
    let scales = (1...8).map { ChartScale(axis, over: values, most: $0) }
    return scales.last { scale in
      let widest = scale.marks.reduce(0) { max($0, ChartKey.width(of: $1.label)) }
      return Double(scale.marks.count) * (widest + 14) <= width
    } ?? scales[0]
  }

  /// The picture as SVG.
  var svg: String {
    let (width, height) = (Markup.coordinate(chart.width), Markup.coordinate(chart.height))
    let title = Markup.escaped(chart.title)
    var parts = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 \(width) \(height)" \
      width="\(width)" height="\(height)" role="img" aria-label="\(title)">
      """
    ]
    if place == .alone {
      parts += [
        "<title>\(title)</title>", "<style>", ChartStyle.rules, "</style>",
        "<rect class=\"paper\" width=\"\(width)\" height=\"\(height)\"/>",
        text(chart.title, x: margin, y: 26, "title"),
      ]
    }
    parts += axes + [front] + chart.series.map(line) + chart.series.map(bars)
    parts += chart.series.map(marks)
    if chart.hasKey {
      parts += ChartKey(chart.series, ends: ends, from: top, to: bottom, x: right).parts
    }
    return (parts + ["</svg>"]).filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
  }

  private var axes: [String] {
    let horizontal = up.marks.flatMap { mark -> [String] in
      guard let y = y(mark.value) else { return [] }
      return [
        segment("grid", (left, y), (right, y)),
        text(mark.label, x: left - 8, y: y + 4.5, "quiet", anchor: "end"),
      ]
    }
    let vertical = across.marks.flatMap { mark -> [String] in
      guard let x = x(mark.value) else { return [] }
      return [
        segment("axis", (x, bottom), (x, bottom + 5)),
        text(mark.label, x: x, y: bottom + 20, "quiet", anchor: "middle"),
      ]
    }
    let isEmpty = !chart.series.contains { !located($0).isEmpty }
    return horizontal + vertical + [
      segment("axis", (left, bottom), (right, bottom)),
      text(chart.y.title, x: margin, y: top - 14, "quiet"),
      text(chart.x.title, x: right, y: bottom + 40, "quiet", anchor: "end"),
      isEmpty
        ? text("no points", x: (left + right) / 2, y: (top + bottom) / 2, "quiet", anchor: "middle")
        : "",
    ]
  }

  /// The steps through the points of the front.
  private var front: String {
    let points = chart.front.compactMap { point in
      x(point.x).flatMap { x in y(point.y).map { (Markup.coordinate(x), Markup.coordinate($0)) } }
    }
    guard let first = points.first else { return "" }
    let steps = points.dropFirst().map { "H\($0.0)V\($0.1)" }.joined()
    return "<path class=\"front\" d=\"M\(first.0) \(first.1)\(steps)\"/>"
  }

  /// The path of the line, interrupted at points that the axes cannot show.
  private func line(_ series: LineChart.Series) -> String {
    var path = ""
    var isDown = false
    for point in series.points {
      guard let x = x(point.x), let y = y(point.y) else {
        isDown = false
        continue
      }
      path += (isDown ? "L" : "M") + Markup.coordinate(x) + " " + Markup.coordinate(y)
      isDown = true
    }
    guard !path.isEmpty else { return "" }
    let names = "line \(series.color.className)" + (series.isDashed ? " dashed" : "")
    return "<path class=\"\(names)\"\(ChartKey.policy(series)) d=\"\(path)\"/>"
  }

  /// Marks with tooltips: at every point of a short line, at some points of a long line, and only
  /// at the last point of a neutral line.
  private func marks(_ series: LineChart.Series) -> String {
    marked(series).map { point in
      """
      <path class="mark \(series.color.className)"\(ChartKey.policy(series)) \
      d="\(series.color.markOutline)" \
      transform="translate(\(Markup.coordinate(point.x)) \(Markup.coordinate(point.y)))">\
      <title>\(Markup.escaped(tip(series, point.value)))</title></path>
      """
    }.joined(separator: "\n")
  }

  /// Bars around the marks of points that have an interval.
  private func bars(_ series: LineChart.Series) -> String {
    marked(series).compactMap { point in
      guard let interval = point.value.interval, let low = y(interval.lowerBound),
        let high = y(interval.upperBound)
      else { return nil }
      let (left, right) = (Markup.coordinate(point.x - 4), Markup.coordinate(point.x + 4))
      let (x, from, to) = (
        Markup.coordinate(point.x), Markup.coordinate(low), Markup.coordinate(high)
      )
      return """
        <path class="bar \(series.color.className)"\(ChartKey.policy(series)) \
        d="M\(left) \(from)H\(right)M\(x) \(from)V\(to)M\(left) \(to)H\(right)"/>
        """
    }.joined(separator: "\n")
  }

  /// The tooltip of a mark: `h2o: 66.7% of checks right (60.1% to 73.3%), 283 KiB resident`.
  private func tip(_ series: LineChart.Series, _ point: LineChart.Point) -> String {
    let interval = point.interval.map {
      " (\(chart.y.text(of: $0.lowerBound)) to \(chart.y.text(of: $0.upperBound)))"
    }
    let name = series.name + (point.note.isEmpty ? "" : " \(point.note)")
    return "\(name): \(chart.y.text(of: point.y)) \(chart.y.measure)\(interval ?? ""), "
      + "\(chart.x.text(of: point.x)) \(chart.x.measure)"
  }

  /// The points that have a mark.
  private func marked(
    _ series: LineChart.Series
  ) -> [(value: LineChart.Point, x: Double, y: Double)] {
    let points = located(series)
    let stride = points.count <= 24 ? 1 : (points.count + 7) / 8
    return series.color == .neutral
      ? Array(points.suffix(1))
      : points.enumerated().filter { $0.offset.isMultiple(of: stride) }.map(\.element)
  }

  /// The height at which each line ends; the middle of the plot for a line without points.
  private var ends: [Double] {
    chart.series.map { located($0).last?.y ?? (top + bottom) / 2 }
  }

  /// The points that the axes can show, with their coordinates.
  private func located(
    _ series: LineChart.Series
  ) -> [(value: LineChart.Point, x: Double, y: Double)] {
    series.points.compactMap { point in
      guard let x = x(point.x), let y = y(point.y) else { return nil }
      return (point, x, y)
    }
  }

  private func x(_ value: Double) -> Double? {
    across.position(of: value).map { left + $0 * (right - left) }
  }

  private func y(_ value: Double) -> Double? {
    up.position(of: value).map { bottom - $0 * (bottom - top) }
  }

  private func segment(
    _ name: String, _ from: (x: Double, y: Double), _ to: (x: Double, y: Double)
  ) -> String {
    let ends = [from.x, from.y, to.x, to.y].map(Markup.coordinate)
    return "<path class=\"\(name)\" d=\"M\(ends[0]) \(ends[1])L\(ends[2]) \(ends[3])\"/>"
  }

  private func text(
    _ text: String, x: Double, y: Double, _ name: String, anchor: String = "start"
  ) -> String { ChartKey.text(text, x: x, y: y, name, anchor: anchor) }
}
