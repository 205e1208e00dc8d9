extension LineChart {
  /// The quantity of an axis, its scale and its unit.
  package struct Axis: Sendable {
    /// How values map to lengths.
    package enum Scale: Sendable {
      /// Equal differences are equal lengths.
      case linear
      /// Equal ratios are equal lengths, marked at powers of two; shows positive values only.
      case binary
      /// Equal ratios are equal lengths, marked at powers of ten; shows positive values only.
      case decimal
    }

    /// How values are written.
    package enum Unit: Sendable {
      /// Plain numbers.
      case number
      /// Integers.
      case whole
      /// Shares, as percentages.
      case percent
      /// Counts, in thousands, millions or billions.
      case count
      /// Bytes, in binary units.
      case bytes
    }

    /// The quantity, with its unit unless the values show it.
    package var title: String
    /// How values map to lengths.
    package var scale: Scale
    /// How values are written.
    package var unit: Unit
    /// Values that the axis always shows. A linear axis ends at them, unless points lie beyond.
    package var range: ClosedRange<Double>?
    /// The words after a value in a tooltip, as `of checks right` follows `66.7%`. The default is
    /// the title.
    package var measure: String

    /// An axis that shows all its points.
    package init(
      _ title: String, scale: Scale = .linear, unit: Unit = .number,
      range: ClosedRange<Double>? = nil, measure: String? = nil
    ) {
      (self.title, self.scale, self.unit, self.range) = (title, scale, unit, range)
      self.measure = measure ?? title
    }

    /// Whether the axis can show a value. Values beyond 10^30 are excluded, because their
    /// differences overflow. Logarithmic axes also exclude values below 10^−30.
    func shows(_ value: Double) -> Bool {
      switch scale {
      case .linear: abs(value) <= 1e30
      case .binary, .decimal: 1e-30...1e30 ~= value
      }
    }

    /// A value as a tooltip writes it, without its measure.
    func text(of value: Double) -> String {
      switch unit {
      case .number: Quantities.significant(value)
      case .percent: Quantities.percent(value)
      case .count, .whole: Quantities.fixed(value, 0)
      case .bytes: bytes(value)
      }
    }

    /// The label of a mark's value. Neighbouring marks differ in `digits` digits after the point
    /// (before it, if negative), and `most` is the largest value.
    func label(of value: Double, digits: Int, most: Double) -> String {
      switch unit {
      case .number, .whole: return Quantities.fixed(value, max(0, digits))
      case .percent: return Quantities.fixed(value * 100, max(0, digits - 2)) + "%"
      case .bytes:
        return bytes(value).replacing(".0 ", with: " ")
      case .count:
        guard value != 0 else { return "0" }
        let prefixes = [(1e9, 9, " G"), (1e6, 6, " M"), (1e3, 3, " k")]
        let (size, zeros, name) = prefixes.first { most >= $0.0 } ?? (1, 0, "")
        return Quantities.fixed(value / size, max(0, digits + zeros)) + name
      }
    }

    private func bytes(_ value: Double) -> String {
      // No real byte count exceeds `Int`, so larger values are written as the largest `Int`.
      Quantities.bytes(Int(exactly: value.rounded()) ?? .max)
    }
  }
}
