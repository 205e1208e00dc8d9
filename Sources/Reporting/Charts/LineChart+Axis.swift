extension LineChart {
  /// What an axis measures, and how.
  package struct Axis: Sendable {
    /// How values become lengths.
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
      /// As they are.
      case number
      /// As whole numbers.
      case whole
      /// Shares, as percentages.
      case percent
      /// Counts, in thousands, millions or billions.
      case count
      /// Bytes, in binary units.
      case bytes
    }

    /// What is measured, with its unit unless the values carry it.
    package var title: String
    /// How values become lengths.
    package var scale: Scale
    /// How values are written.
    package var unit: Unit
    /// Values that are shown in any case. A linear axis ends with them, unless points lie beyond.
    package var range: ClosedRange<Double>?
    /// What follows a value in a tooltip, as `of checks right` follows `66.7%`; the title unless
    /// set.
    package var measure: String

    /// An axis that shows all its points.
    package init(
      _ title: String, scale: Scale = .linear, unit: Unit = .number,
      range: ClosedRange<Double>? = nil, measure: String? = nil
    ) {
      (self.title, self.scale, self.unit, self.range) = (title, scale, unit, range)
      self.measure = measure ?? title
    }

    /// Whether a value has a place on such an axis. Those beyond 10^30 have none: their differences overflow.
    func shows(_ value: Double) -> Bool {
      switch scale {
      case .linear: abs(value) <= 1e30
      case .binary, .decimal: 1e-30...1e30 ~= value
      }
    }

    /// A value as its tooltip writes it, without what it measures.
    func text(of value: Double) -> String {
      switch unit {
      case .number: Quantities.significant(value)
      case .percent: Quantities.percent(value)
      case .count, .whole: Quantities.fixed(value, 0)
      case .bytes: bytes(value)
      }
    }

    /// A mark's value, where neighbouring marks are told apart by so many digits after the point (or
    /// before it, if negative), and the largest is `most`.
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
      // Larger counts than an `Int` holds are no bytes of this world; they are written as the largest.
      Quantities.bytes(Int(exactly: value.rounded()) ?? .max)
    }
  }
}
