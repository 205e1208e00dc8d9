/// Lines through points over two axes, written as SVG.
///
/// The same chart is the same bytes everywhere. What an axis cannot show, such as a value that is not finite,
/// interrupts a line; a chart without points says so.
package struct LineChart: Sendable {
  /// A point, in the units of the axes.
  package struct Point: Equatable, Sendable {
    /// To the right.
    package var x: Double
    /// Upwards.
    package var y: Double
    /// An interval around `y` that is drawn as a bar; nil draws none.
    package var interval: ClosedRange<Double>?

    /// A point at these values.
    package init(x: Double, y: Double, interval: ClosedRange<Double>? = nil) {
      (self.x, self.y, self.interval) = (x, y, interval)
    }
  }

  /// What sets one line apart from others: a colour, and a shape of marks for those who do not see it.
  package enum Color: Equatable, Sendable {
    /// One of a few colours that differ for colour-blind readers too; a larger number begins again, with
    /// other marks.
    case hue(Int)
    /// Grey, with a mark at the end only: what others are held against.
    case neutral
  }

  /// A line and its name.
  package struct Series: Sendable {
    /// As the key names it.
    package var name: String
    /// In the order in which the line goes through them.
    package var points: [Point]
    /// How it differs from the others.
    package var color: Color
    /// Whether the line is broken.
    package var isDashed: Bool

    /// A line through points.
    package init(_ name: String, points: [Point], color: Color, isDashed: Bool = false) {
      (self.name, self.points, self.color, self.isDashed) = (name, points, color, isDashed)
    }
  }

  /// Where a chart is read.
  package enum Place: Sendable {
    /// In a file of its own: with its title, its background, and both themes.
    case alone
    /// Within a page that carries `ChartStyle.rules` and a heading.
    case page
  }

  /// What the chart shows, in a few words.
  package var title: String
  /// To the right.
  package var x: Axis
  /// Upwards.
  package var y: Axis
  /// The lines; later ones lie on top.
  package var series: [Series] = []
  /// Units of width; text is 13 units high.
  package var width = 720.0
  /// Units of height.
  package var height = 400.0
  /// Whether names stand beside the ends of their lines.
  package var hasKey = true

  /// A chart without lines.
  package init(title: String, x: Axis, y: Axis) { (self.title, self.x, self.y) = (title, x, y) }

  /// The chart as one `svg` element.
  package func svg(for place: Place = .alone) -> String {
    ChartDrawing(of: self, for: place).svg
  }
}
