import Foundation

/// Numbers formatted for people.
package enum Quantities {
  /// Bytes in the largest binary unit that leaves at least 1: `"512 B"`, `"11.3 MiB"`.
  package static func bytes(_ count: Int) -> String {
    guard count.magnitude >= 1024 else { return "\(count) B" }
    var (value, unit) = (Double(count) / 1024, 0)
    let units = ["KiB", "MiB", "GiB", "TiB"]
    while abs(value) >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
    return fixed(value, abs(value) < 100 ? 1 : 0) + " " + units[unit]
  }

  /// A range of counts, or a single count if both ends are equal: `"240-256"`, `"256"`.
  package static func range(_ least: Int, _ most: Int) -> String {
    least == most ? "\(most)" : "\(least)-\(most)"
  }

  /// A number with `digits` digits after the point.
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }

  /// A share as a percentage: `"66.7%"`.
  package static func percent(_ share: Double) -> String {
    let text = fixed(share * 100, 1)
    return (text == "-0.0" ? "0.0" : text) + "%"
  }

  /// A number with about four significant digits; a large number has an exponent.
  package static func significant(_ value: Double) -> String {
    switch abs(value) {
    case ..<0.0005: value == 0 ? "0" : String(format: "%.0e", value)
    case ..<10: fixed(value, 4)
    case ..<100_000: fixed(value, 2)
    default: value.isFinite ? String(format: "%.2e", value) : "\(value)"
    }
  }

  /// A speed: one digit after the point below 100, none from 100.
  package static func speed(_ value: Double) -> String { fixed(value, value < 100 ? 1 : 0) }
}
