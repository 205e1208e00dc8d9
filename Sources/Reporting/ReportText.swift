import Foundation
import KVPolicyKit

/// The formats of all reports for programs: JSON, lines of JSON, and CSV.
package enum ReportText {
  /// A column for programs: its name, and a line's value.
  package typealias Field<Line> = (name: String, value: (Line) -> any ReportValue)

  /// JSON with sorted keys. Numbers that are not finite are written as `"inf"`, `"-inf"` or
  /// `"nan"`. Control characters are escaped.
  package static func json(
    _ report: some Encodable, layout: JSONEncoder.OutputFormatting = .prettyPrinted
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = layout.union([.sortedKeys, .withoutEscapingSlashes])
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let text = String(decoding: try encoder.encode(report), as: UTF8.self)
    return TerminalText.escaped(json: text) + "\n"
  }

  /// Reads text that `json` wrote.
  ///
  /// - Throws: `JSONError` for text that is not JSON, `DecodingError` for any other JSON.
  package static func decode<Report: Decodable>(_ text: String) throws -> Report {
    try JSONValue.parse(text).decoded(as: Report.self)
  }

  /// Comma-separated values (RFC 4180): the fields' names, then a line for each of `lines`. An absent
  /// value is an empty field. Control characters are escaped, so that every line of the text is a
  /// line of the table.
  package static func csv<Line>(_ fields: [Field<Line>], _ lines: [Line]) -> String {
    let texts =
      [fields.map(\.name)] + lines.map { line in fields.map { text($0.value(line).json) } }
    return texts.map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
  }

  /// An object of JSON on a line of its own for each of `lines`, with the fields' names as sorted
  /// keys. An absent value is `null`. Control characters are escaped.
  package static func jsonLines<Line>(_ fields: [Field<Line>], _ lines: [Line]) -> String {
    lines.map { line in
      let members = Dictionary(fields.map { ($0.name, $0.value(line).json) }) { $1 }
      return TerminalText.escaped(json: JSONValue.object(members).text) + "\n"
    }.joined()
  }

  /// A value without the quotes of JSON. A fraction keeps its point where its value is whole.
  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: ""
    case .string(let text): text
    case .number(let number): "\(number)"
    default: value.text
    }
  }

  /// A field, quoted as RFC 4180 requires.
  private static func quoted(_ field: String) -> String {
    let field = TerminalText.escaped(field)
    guard field.contains(where: { "\",".contains($0) }) else { return field }
    return "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}
