import Foundation

/// Text and numbers in the form that HTML, SVG and Markdown require.
package enum Markup {
  /// Text escaped for an element and for a quoted attribute. Control characters, many of which XML
  /// does not allow, are shown as escapes; other characters that XML does not allow become U+FFFD.
  package static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in TerminalText.escaped(text, keeping: "\t\n\r").unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Text in which no character marks up Markdown or HTML. Control characters are shown as escapes.
  package static func inMarkdown(_ text: String) -> String {
    TerminalText.escaped(text).reduce(into: "") { result, character in
      if "\\|`*_<>[]&#".contains(character) { result.append("\\") }
      result.append(character)
    }
  }

  /// A coordinate, rounded to a tenth of a unit: `12.5`, `3`.
  package static func coordinate(_ value: Double) -> String {
    let text = Quantities.fixed(value, 1)
    guard text.hasSuffix(".0") else { return text }
    return text == "-0.0" ? "0" : String(text.dropLast(2))
  }

  /// A number with separated thousands: `1,500`.
  package static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    let groups = digits.indices.map { index in
      let isFirstOfGroup = index > 0 && (digits.count - index).isMultiple(of: 3)
      return (isFirstOfGroup ? "," : "") + String(digits[index])
    }
    return (number < 0 ? "−" : "") + groups.joined()
  }

  /// A number with the noun that it counts: `1 document`, `64 documents`.
  package static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    grouped(number) + " " + (number == 1 ? one : many ?? one + "s")
  }

  /// Words joined as in a sentence: `64, 128 or 256`.
  package static func list(_ words: [String], joinedBy last: String = "and") -> String {
    guard let final = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(last) \(final)"
  }

  /// JSON that is safe in a `script` element: no `<` can end the element or open a comment.
  package static func script(json: String) -> String {
    json.replacingOccurrences(of: "<", with: "\\u003c")
  }
}
