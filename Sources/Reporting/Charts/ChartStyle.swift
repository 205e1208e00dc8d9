/// The colours of charts and pages, and the CSS rules that assign them to the classes of a chart.
package enum ChartStyle {
  /// A colour for the light and for the dark theme.
  package struct Tint {
    package var light: String
    package var dark: String
  }

  /// Okabe and Ito's colours, which colour-blind readers can tell apart. Each is darker on a light
  /// background and lighter on a dark one, for a contrast of 3 to 1 or more.
  package static let hues = [
    Tint(light: "#0072b2", dark: "#5aa9e6"),  // blue
    Tint(light: "#d55e00", dark: "#f0813a"),  // vermilion
    Tint(light: "#00875f", dark: "#2fc79b"),  // bluish green
    Tint(light: "#b4508f", dark: "#e39ac8"),  // reddish purple
    Tint(light: "#a87700", dark: "#f0b83c"),  // orange
    Tint(light: "#2a93cc", dark: "#9bd7ff"),  // sky blue
    Tint(light: "#7a7400", dark: "#f0e442"),  // yellow
  ]
  package static let paper = Tint(light: "#fdfdfb", dark: "#161719")
  package static let ink = Tint(light: "#1c1c1a", dark: "#e8e6e1")
  package static let quiet = Tint(light: "#62625d", dark: "#a3a19b")
  package static let link = Tint(light: "#005a8d", dark: "#8cc5f2")
  package static let rule = Tint(light: "#dcdcd6", dark: "#34363a")

  /// CSS rules for all elements of charts, in both themes. A page with charts includes them once.
  package static let rules = """
    .chart text{font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums}
    .chart .title{font-weight:600;font-size:15px}
    .chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
    .chart .dashed{stroke-dasharray:6 5;stroke-linecap:butt}
    .chart .mark{stroke-width:1.6;stroke-linejoin:round}
    .chart .bar{stroke-width:1.4;opacity:.7}
    .chart .grid,.chart .axis{fill:none;stroke-width:1}
    .chart .front{fill:none;stroke-width:6;stroke-linejoin:round;opacity:.3}
    \(colors(\.light))
    @media (prefers-color-scheme:dark){
    \(colors(\.dark))
    }
    """

  private static func colors(_ theme: KeyPath<Tint, String>) -> String {
    let lines = hues.enumerated().map { index, tint in
      ".chart .hue\(index){stroke:\(tint[keyPath: theme]);fill:\(tint[keyPath: theme])}"
    }
    return """
      .chart{background:\(paper[keyPath: theme])}
      .chart text{fill:\(ink[keyPath: theme]);stroke:none}
      .chart .quiet{fill:\(quiet[keyPath: theme])}
      .chart .paper{fill:\(paper[keyPath: theme])}
      .chart .grid{stroke:\(rule[keyPath: theme])}
      .chart .axis,.chart .neutral{stroke:\(quiet[keyPath: theme])}
      \(lines.joined(separator: "\n"))
      .chart .line,.chart .bar{fill:none}
      .chart .front{stroke:\(quiet[keyPath: theme])}
      .chart .cell{stroke:none}
      """
  }
}

extension LineChart.Color {
  /// The class that colours a line and its marks.
  var className: String {
    switch self {
    case .hue(let index): "hue\(place(index, of: ChartStyle.hues.count))"
    case .neutral: "neutral"
    }
  }

  /// The outline of a mark around the origin.
  var markOutline: String {
    // There is one shape more than there are colours, so the second round of colours has other
    // shapes.
    let shapes = [
      "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-3.6 -3.6h7.2v7.2h-7.2z", "M0 -4.6L4.6 3.6h-9.2z",
      "M0 -5L5 0L0 5L-5 0z", "M0 4.6L4.6 -3.6h-9.2z", "M-4.2 -4.2L4.2 4.2M-4.2 4.2L4.2 -4.2",
      "M-5 0h10M0 -5v10", "M-5.2 -1.8h10.4v3.6h-10.4z",
    ]
    return switch self {
    case .hue(let index): shapes[place(index, of: shapes.count)]
    case .neutral: "M0 -5v10"
    }
  }

  private func place(_ index: Int, of count: Int) -> Int { (index % count + count) % count }
}
