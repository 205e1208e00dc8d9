/// Bars in a terminal.
package enum TextBar {
  /// The eighths of a block.
  private static let blocks = Array("▏▎▍▌▋▊▉█")

  /// A bar; empty for a share that is not above 0.
  ///
  /// - Parameters:
  ///   - share: the length of the bar in parts of `width`; more than 1 counts as 1.
  ///   - width: characters of a whole bar.
  ///   - blocks: whether it is made of eighths of blocks; else of whole `#`.
  package static func text(_ share: Double, width: Int, blocks isFine: Bool) -> String {
    guard share.isFinite, share > 0 else { return "" }
    let length = min(share, 1) * Double(width)
    guard isFine else { return String(repeating: "#", count: Int(length.rounded())) }
    let eighths = max(1, Int((length * 8).rounded()))
    let whole = String(repeating: "█", count: eighths / 8)
    return eighths.isMultiple(of: 8) ? whole : whole + String(blocks[eighths % 8 - 1])
  }

  /// The heights of a mark.
  private static let heights = Array("▁▂▃▄▅▆▇█")

  /// A mark per value: the higher the value, the taller; `·` for a value that is not above 0.
  ///
  /// - Parameters:
  ///   - values: the values.
  ///   - most: the value of the tallest mark.
  package static func marks(_ values: [Double], most: Double) -> String {
    String(
      values.map { value in
        guard value > 0, value.isFinite, most > 0 else { return value > 0 ? "█" : "·" }
        return heights[min(7, Int(value / most * 8))]
      })
  }
}
