import Foundation
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("Line charts")
struct LineChartTests {
  /// A chart with a single line over axes of these scales.
  private func chart(
    _ points: [(x: Double, y: Double)], _ x: LineChart.Axis.Scale = .linear,
    _ y: LineChart.Axis.Scale = .linear, name: String = "a line"
  ) -> LineChart {
    var chart = LineChart(
      title: "A chart", x: .init("across", scale: x), y: .init("up", scale: y))
    chart.series = [
      .init(name, points: points.map { LineChart.Point(x: $0.x, y: $0.y) }, color: .hue(0))
    ]
    return chart
  }

  /// The outline of the chart's line; nil if there is none.
  private func outline(_ svg: String) -> String? {
    svg.firstMatch(of: /<path class="line hue0" d="(.*?)"\/>\n/).map { String($0.1) }
  }

  @Test(
    "no numbers give a path that is none",
    arguments: [
      [], [(5, 2)], [(3, 3), (3, 3)], [(0, 0), (0, 0)], [(-2, -7)], [(1, 1), (2, 1)],
      [(1, 1), (1.0.nextUp, 1.0.nextUp)],
      [(1e-300, .leastNonzeroMagnitude), (2e-300, .leastNormalMagnitude)],
      [(-1e30, 1), (1e30, 1e-30)], [(.nan, 1), (1, .infinity), (-.infinity, .nan)],
      [(.greatestFiniteMagnitude, -.greatestFiniteMagnitude), (1, 2)],
      [(1e9, 16), (1e15, 1e16 + 2)],
    ] as [[(x: Double, y: Double)]])
  func oddNumbers(points: [(x: Double, y: Double)]) {
    let scales = [LineChart.Axis.Scale.linear, .binary, .decimal]
    for (x, y) in scales.flatMap({ x in scales.map { (x, $0) } }) {
      let svg = chart(points, x, y).svg()
      #expect(isWellFormed(svg))
      #expect(!svg.contains(/\b(nan|inf|-nan)\b/.ignoresCase()))
    }
  }

  @Test("values lie where their axes say, and a value without a place interrupts the line")
  func places() {
    let svg = chart([(0, 0), (5, 1), (.nan, 5), (10, 10)]).svg()
    let numbers = (outline(svg) ?? "").split { "ML ".contains($0) }.compactMap { Double($0) }
    #expect(outline(svg)?.filter { "ML".contains($0) } == "MLM")
    #expect(numbers.count == 6)
    guard numbers.count == 6 else { return }
    #expect(abs((numbers[0] + numbers[4]) / 2 - numbers[2]) < 0.11, "5 is halfway from 0 to 10")
    #expect(
      abs((numbers[1] - numbers[3]) * 10 - (numbers[1] - numbers[5])) < 1.2, "1 is a tenth of 10")
  }

  @Test("an interval is a bar from its lower to its upper limit, and widens the axis")
  func bars() {
    var chart = chart([(0, 1), (10, 1)])
    chart.series[0].points[1].interval = 0...10
    let svg = chart.svg()
    #expect(svg.matches(of: /class="bar hue0"/).count == 1)
    let grid = svg.matches(of: /class="grid" d="M[0-9.]+ ([0-9.]+)L/).compactMap { Double($0.1) }
    let ends = svg.firstMatch(of: /class="bar hue0" d="M[0-9.]+ ([0-9.]+)H.*?V([0-9.]+)M/)
    #expect(ends.flatMap { Double($0.1) } == grid.max(), "0 is the lowest mark")
    #expect(ends.flatMap { Double($0.2) } == grid.min(), "10 is the highest mark")
    #expect(svg.contains("<title>a line: 1.0000 up (0 to 10.00), 10.00 across</title>"))
    #expect(svg.contains("<title>a line: 1.0000 up, 0 across</title>"))
    chart.x.measure = "steps"
    #expect(chart.svg().contains("10.00 steps</title>"))
  }

  @Test("a chart without points says so")
  func empty() {
    #expect(chart([]).svg().contains("no points"))
    #expect(chart([(0, 1)], .binary).svg().contains("no points"), "0 has no logarithm")
    #expect(!chart([(1, 1)]).svg().contains("no points"))
  }

  @Test("marks stand at round values around the points")
  func marks() {
    func labels(_ axis: LineChart.Axis, _ values: [Double], most: Int = 5) -> [String] {
      ChartScale(axis, over: values, most: most).marks.map(\.label)
    }
    #expect(labels(.init(""), [0.3, 9.2]) == ["0", "2", "4", "6", "8", "10"])
    #expect(labels(.init(""), [7, 7]) == ["6.0", "6.5", "7.0", "7.5", "8.0"])
    #expect(
      labels(.init("", unit: .percent, range: 0...1), []) == [
        "0%", "20%", "40%", "60%", "80%", "100%",
      ])
    let places = LineChart.Axis("", range: 0...840)
    #expect(labels(places, [35, 805]) == ["0", "200", "400", "600", "800"])
    #expect(ChartScale(places, over: [], most: 5).position(of: 840) == 1, "the range ends the axis")
    let bytes = LineChart.Axis("", scale: .binary, unit: .bytes)
    #expect(labels(bytes, [300_000, 1_500_000]) == ["256 KiB", "512 KiB", "1 MiB", "2 MiB"])
    #expect(labels(bytes, [1024, 1024]) == ["512 B", "1 KiB", "2 KiB"])
    let loss = LineChart.Axis("", scale: .decimal)
    #expect(labels(loss, [0.03, 6.2], most: 4) == ["0.1", "1", "10"])
    #expect(labels(loss, [0.3, 3], most: 5) == ["0.2", "0.5", "1", "2", "5"])
    let count = LineChart.Axis("", unit: .count)
    #expect(labels(count, [0, 3e6], most: 3) == ["0", "1 M", "2 M", "3 M"])
  }

  @Test("names are escaped, wherever they stand")
  func escaping() {
    var chart = chart([(1, 2)], name: "<b>&\"'\u{FFFE}\u{1}")
    chart.title = "a < b & c"
    let svg = chart.svg()
    #expect(isWellFormed(svg))
    #expect(svg.contains("&lt;b&gt;&amp;&quot;&#39;\u{FFFD}\\u{1}"))
    #expect(svg.contains("aria-label=\"a &lt; b &amp; c\""))
    #expect(!svg.contains("<b>"))
  }

  @Test("names of lines that end at one height do not overlap, and stay beside the plot")
  func key() {
    let series = (0..<9).map { LineChart.Series("\($0)", points: [], color: .hue($0)) }
    let key = ChartKey(series, ends: Array(repeating: 295, count: 9), from: 30, to: 300, x: 600)
    let heights = key.parts.compactMap { part in
      part.firstMatch(of: /translate\(612 (.*?)\)/).flatMap { Double($0.1) }
    }
    #expect(heights.count == 9)
    #expect(zip(heights, heights.dropFirst()).allSatisfy { $1 - $0 >= 18 })
    #expect(heights.allSatisfy { (30...300).contains($0) })
  }

  @Test("alone it carries both themes, in a page none")
  func themes() {
    let chart = chart([(1, 2), (3, 4)])
    #expect(chart.svg().contains("prefers-color-scheme:dark"))
    #expect(!chart.svg(for: .page).contains("<style>"))
    #expect(chart.svg() == chart.svg())
  }
}
