/// Characters that a terminal, a page or a line-based reader would obey instead of showing them.
///
/// They come from names in files, from paths and from text that a model wrote. A message, a table
/// or a page shows them as escapes, so that a file cannot colour a terminal, forge a line or
/// reorder one.
extension TerminalText {
  /// Text with its control characters as Swift writes them in a literal: `\u{1b}`, `\n`.
  ///
  /// A backslash is not escaped: people read the text, and no program reads it back.
  ///
  /// - Parameters:
  ///   - text: any text.
  ///   - kept: control characters that stay as they are.
  package static func escaped(_ text: String, keeping kept: String = "") -> String {
    replaced(text, keeping: kept) { scalar in
      switch scalar {
      case "\n": "\\n"
      case "\r": "\\r"
      case "\t": "\\t"
      default: "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
  }

  /// JSON with the same characters as escapes of JSON, so that it shows the same and means the same
  /// values. The layout's line ends and tabs stay.
  package static func escaped(json: String) -> String {
    replaced(json, keeping: "\n\r\t") { scalar in
      let digits = String(scalar.value, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }

  private static func replaced(
    _ text: String, keeping kept: String, _ escape: (Unicode.Scalar) -> String
  ) -> String {
    let kept = kept.unicodeScalars
    func isReplaced(_ scalar: Unicode.Scalar) -> Bool {
      isControl(scalar) && !kept.contains(scalar)
    }
    guard text.unicodeScalars.contains(where: isReplaced) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if isReplaced(scalar) {
        result += escape(scalar)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Whether a character controls the display: a control character of ASCII or Latin-1, a line or
  /// paragraph separator, or a mark of the bidirectional algorithm.
  ///
  /// All of them are below U+10000, so a JSON escape has four digits.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20..<0x7F: false
    case ..<0xA0: true
    case 0x2028, 0x2029: true
    default: scalar.properties.isBidiControl
    }
  }
}
