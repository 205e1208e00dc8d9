/// Values over two axes of names, drawn as coloured cells, written as SVG.
///
/// Equal maps give equal bytes on every machine. Every cell shows its value as text too, because a
/// shade alone cannot be read off.
package struct HeatMap: Sendable {
  /// A cell.
  package struct Cell: Equatable, Sendable {
    /// How strong the colour is, from 0 to 1; other values count as the nearer limit.
    package var strength: Double
    /// The text in the cell.
    package var text: String
    /// The text of the tooltip.
    package var tip: String

    /// A cell.
    package init(strength: Double, text: String, tip: String) {
      (self.strength, self.text, self.tip) = (strength, text, tip)
    }
  }

  /// What the map shows, in a few words.
  package var title: String
  /// The quantity of the columns, and their names from left to right.
  package var across: (title: String, names: [String])
  /// The quantity of the rows, and their names from top to bottom.
  package var down: (title: String, names: [String])
  /// The cells, row by row; nil where nothing was measured.
  package var cells: [[Cell?]]
  /// Units of width; text is 13 units high.
  package var width = 380.0

  /// A map; each of its rows has as many cells as there are columns.
  package init(
    title: String, across: (title: String, names: [String]), down: (title: String, names: [String]),
    cells: [[Cell?]]
  ) {
    (self.title, self.across, self.down, self.cells) = (title, across, down, cells)
  }

  /// The map as one `svg` element.
  package func svg(for place: LineChart.Place = .alone) -> String {
    let margin = place == .alone ? 14.0 : 0
    let top = place == .alone ? 64.0 : 30
    let left = margin + 12 + down.names.reduce(0) { max($0, ChartKey.width(of: $1)) }
    let right = max(left + 60, width - 18)
    let (column, row) = ((right - left) / Double(max(1, across.names.count)), 26.0)
    let bottom = top + row * Double(max(1, down.names.count))
    let names = place == .alone ? "<title>\(Markup.escaped(title))</title>\n" : ""
    var parts = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 \(Markup.coordinate(width)) \
      \(Markup.coordinate(bottom + 48))" width="\(Markup.coordinate(width))" \
      height="\(Markup.coordinate(bottom + 48))" role="img" aria-label="\(Markup.escaped(title))">
      \(names)
      """
    ]
    if place == .alone {
      parts += [
        "<style>", ChartStyle.rules, "</style>",
        "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>",
        text(title, x: margin, y: 26, "title", "start"),
      ]
    }
    parts.append(text(down.title, x: margin, y: top - 14, "quiet", "start"))
    parts.append(text(across.title, x: right, y: bottom + 40, "quiet", "end"))
    for (index, name) in across.names.enumerated() {
      parts.append(
        text(name, x: left + (Double(index) + 0.5) * column, y: bottom + 20, "quiet", "middle"))
    }
    for (line, name) in down.names.enumerated() {
      let y = top + Double(line) * row
      parts.append(text(name, x: left - 8, y: y + row / 2 + 4.5, "quiet", "end"))
      for (index, cell) in (cells.indices.contains(line) ? cells[line] : []).enumerated() {
        guard let cell else { continue }
        parts.append(drawing(cell, x: left + Double(index) * column, y: y, column, row))
      }
    }
    return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  /// A rectangle with the cell's text. The strongest colour leaves the text legible.
  private func drawing(
    _ cell: Cell, x: Double, y: Double, _ width: Double, _ height: Double
  ) -> String {
    let strength = cell.strength.isFinite ? min(max(cell.strength, 0), 1) : 0
    return """
      <g class="at"><title>\(Markup.escaped(cell.tip))</title>\
      <rect class="cell hue0" x="\(Markup.coordinate(x))" y="\(Markup.coordinate(y))" \
      width="\(Markup.coordinate(max(1, width - 1)))" height="\(Markup.coordinate(height - 1))" \
      fill-opacity="\(Quantities.fixed(0.04 + 0.46 * strength, 2))"/>\
      \(text(cell.text, x: x + width / 2, y: y + height / 2 + 4.5, "value", "middle"))</g>
      """
  }

  private func text(
    _ text: String, x: Double, y: Double, _ name: String, _ anchor: String
  ) -> String { ChartKey.text(text, x: x, y: y, name, anchor: anchor) }
}
