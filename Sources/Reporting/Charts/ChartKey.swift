/// The names of lines, beside the ends of the lines or in a list on a page.
package struct ChartKey {
  /// One element per line: its sample and its name.
  let parts: [String]

  /// Names at the right of a plot. Each name is as near the end of its line as the neighbouring
  /// names allow.
  init(
    _ series: [LineChart.Series], ends: [Double], from top: Double, to bottom: Double, x: Double
  ) {
    let order = series.indices.sorted { (ends[$0], $0) < (ends[$1], $1) }
    var heights: [Double] = []
    for index in order {
      heights.append(max(ends[index], (heights.last ?? -.infinity) + Self.lineHeight))
    }
    // A name that was pushed below the plot moves back up and pushes its neighbours up.
    var limit = max(bottom, top + Self.lineHeight * Double(series.count - 1))
    for place in heights.indices.reversed() {
      heights[place] = min(heights[place], limit)
      limit = heights[place] - Self.lineHeight
    }
    parts = zip(order, heights).map { index, height in
      """
      <g transform="translate(\(Markup.coordinate(x + 12)) \(Markup.coordinate(height)))">\
      \(Self.sample(of: series[index]))\
      <text x="34" y="4.5">\(Markup.escaped(Self.short(series[index].name)))</text></g>
      """
    }
  }

  /// A list of samples and names for a page.
  package static func html(_ series: [LineChart.Series]) -> String {
    let items = series.map { "<li>\(picture(of: $0)) \(Markup.escaped($0.name))</li>" }
    return "<ul class=\"key\">\n\(items.joined(separator: "\n"))\n</ul>"
  }

  /// A sample of a line for a page, as a picture of its own.
  package static func picture(of series: LineChart.Series) -> String {
    """
    <svg class="chart" viewBox="0 -8 28 16" width="28" height="16" aria-hidden="true">\
    \(sample(of: series))</svg>
    """
  }

  /// The attribute that names the policy of a line.
  static func policy(_ series: LineChart.Series) -> String {
    series.policy.map { " data-policy=\"\($0)\"" } ?? ""
  }

  /// The width of the names beside a plot.
  static func width(of series: [LineChart.Series]) -> Double {
    54 + series.reduce(0) { max($0, width(of: short($1.name))) }
  }

  /// An estimate of the width of text at 13 units, in the widest of the usual fonts; no font is
  /// available to measure.
  static func width(of text: String) -> Double {
    text.reduce(0) { $0 + ("%MWmw@".contains($1) ? 12.5 : 8.2) }
  }

  /// A text of a chart.
  static func text(
    _ text: String, x: Double, y: Double, _ name: String, anchor: String
  ) -> String {
    """
    <text class="\(name)" x="\(Markup.coordinate(x))" y="\(Markup.coordinate(y))" \
    text-anchor="\(anchor)">\(Markup.escaped(text))</text>
    """
  }

  private static let lineHeight = 18.0

  private static func short(_ name: String) -> String {
    name.count <= 28 ? name : name.prefix(27) + "…"
  }

  /// A sample of the line, 28 units long, with its mark.
  private static func sample(of series: LineChart.Series) -> String {
    let names = "line \(series.color.className)" + (series.isDashed ? " dashed" : "")
    guard series.color != .neutral else { return "<path class=\"\(names)\" d=\"M0 0H28\"/>" }
    return """
      <path class="\(names)" d="M0 0H28"/>\
      <path class="mark \(series.color.className)" d="\(series.color.markOutline)" \
      transform="translate(14 0)"/>
      """
  }
}
