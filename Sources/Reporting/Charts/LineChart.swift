/// Lines through points over two axes, written as SVG.
///
/// Equal charts give equal bytes on every machine. A value that an axis cannot show, such as one
/// that is not finite, interrupts its line. A chart without points says so.
package struct LineChart: Sendable {
  /// A point, in the units of the axes.
  package struct Point: Equatable, Sendable {
    /// The horizontal value.
    package var x: Double
    /// The vertical value.
    package var y: Double
    /// An interval around `y` that is drawn as a bar; nil draws none.
    package var interval: ClosedRange<Double>?
    /// Words after the line's name in the tooltip, such as a budget.
    package var note = ""

    /// A point at these values.
    package init(x: Double, y: Double, interval: ClosedRange<Double>? = nil, note: String = "") {
      (self.x, self.y, self.interval, self.note) = (x, y, interval, note)
    }
  }

  /// The style that distinguishes a line: a colour, and a shape of marks for readers who cannot see
  /// the colour.
  package enum Color: Equatable, Sendable {
    /// One of a few colours that colour-blind readers can also tell apart. Larger numbers repeat
    /// the colours with other marks.
    case hue(Int)
    /// Grey, with a mark only at the end, for a line to compare with.
    case neutral
  }

  /// A line and its name.
  package struct Series: Sendable {
    /// The name in the key.
    package var name: String
    /// The points, in the order of the line.
    package var points: [Point]
    /// The style of the line.
    package var color: Color
    /// Whether the line is dashed.
    package var isDashed: Bool
    /// The number of the policy that the line is about, as the attribute `data-policy`, so that a
    /// page can hide it; nil adds no attribute.
    package var policy: Int?

    /// A line through points.
    package init(_ name: String, points: [Point], color: Color, isDashed: Bool = false) {
      (self.name, self.points, self.color, self.isDashed) = (name, points, color, isDashed)
    }
  }

  /// The context of the chart.
  package enum Place: Sendable {
    /// A file with the chart alone: with title, background and both themes.
    case alone
    /// Part of a page that includes `ChartStyle.rules` and a heading.
    case page
  }

  /// What the chart shows, in a few words.
  package var title: String
  /// The horizontal axis.
  package var x: Axis
  /// The vertical axis.
  package var y: Axis
  /// The lines; later lines are drawn on top.
  package var series: [Series] = []
  /// Points joined by steps, below the lines: each value of `y` holds until the next point. Used
  /// for a Pareto front.
  package var front: [Point] = []
  /// Units of width; text is 13 units high.
  package var width = 720.0
  /// Units of height.
  package var height = 400.0
  /// Whether names are shown beside the ends of the lines.
  package var hasKey = true

  /// A chart without lines.
  package init(title: String, x: Axis, y: Axis) { (self.title, self.x, self.y) = (title, x, y) }

  /// The chart as one `svg` element.
  package func svg(for place: Place = .alone) -> String {
    ChartDrawing(of: self, for: place).svg
  }
}
