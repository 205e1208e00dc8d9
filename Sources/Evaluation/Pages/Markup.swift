import Foundation

/// Text and numbers as HTML and SVG want them.
package enum Markup {
  /// Text that means itself in an element and in a quoted attribute; what XML cannot say becomes
  /// U+FFFD.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\t", "\n", "\r": escaped.unicodeScalars.append(scalar)
      case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// A coordinate, to a tenth of a unit: `12.5`, `3`.
  static func coordinate(_ value: Double) -> String {
    let text = Quantities.fixed(value, 1)
    guard text.hasSuffix(".0") else { return text }
    return text == "-0.0" ? "0" : String(text.dropLast(2))
  }

  /// A number whose thousands are set apart: `1,500`.
  static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    let groups = digits.indices.map { index in
      let isFirstOfGroup = index > 0 && (digits.count - index).isMultiple(of: 3)
      return (isFirstOfGroup ? "," : "") + String(digits[index])
    }
    return (number < 0 ? "−" : "") + groups.joined()
  }

  /// A number and what it counts: `1 document`, `64 documents`.
  static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    grouped(number) + " " + (number == 1 ? one : many ?? one + "s")
  }

  /// Words as a sentence lists them: `64, 128 or 256`.
  package static func list(_ words: [String], joinedBy last: String = "and") -> String {
    guard let final = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(last) \(final)"
  }

  /// JSON that may stand in a `script` element: no `<` can end it, or open a comment.
  static func script(json: String) -> String {
    json.replacingOccurrences(of: "<", with: "\\u003c")
  }
}
