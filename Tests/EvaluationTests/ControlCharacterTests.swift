import KVPolicyKit
import ReferenceModel
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("Control characters")
struct ControlCharacterTests {
  /// Characters that a terminal or a page obeys, and their escapes.
  static let characters: [(String, String)] = [
    ("\u{1B}[31m", "\\u{1b}[31m"), ("\n", "\\n"), ("\r\n", "\\r\\n"), ("\t", "\\t"),
    ("\u{0}", "\\u{0}"), ("\u{7F}", "\\u{7f}"), ("\u{9B}31m", "\\u{9b}31m"),
    ("\u{85}", "\\u{85}"), ("\u{2028}", "\\u{2028}"), ("\u{202A}", "\\u{202a}"),
    ("\u{202E}", "\\u{202e}"), ("\u{2066}", "\\u{2066}"), ("\u{2069}", "\\u{2069}"),
    ("\u{200F}", "\\u{200f}"), ("\u{61C}", "\\u{61c}"),
  ]

  @Test("are shown as escapes, other characters as they are", arguments: characters)
  func escapes(_ text: String, _ shown: String) {
    #expect(TerminalText.escaped("a" + text + "b") == "a" + shown + "b")
  }

  @Test(
    "are none of these",
    arguments: ["plain", "é", "\u{A0}", "日本", "👩‍👩‍👧", "e\u{301}", "עברית", "\\", "\u{FFFD}", ""])
  func others(_ text: String) { #expect(TerminalText.escaped(text) == text) }

  @Test("stay where they are asked to stay")
  func kept() {
    #expect(TerminalText.escaped("a\nb\tc\rd\u{1B}", keeping: "\n\t") == "a\nb\tc\\rd\\u{1b}")
  }

  @Test("in JSON are escapes of JSON, which mean the same")
  func json() throws {
    let text = try ReportText.json(["a\u{202E}\u{9B}\u{1B}\n": "b\u{2066}"], layout: [])
    #expect(text == #"{"a\u202e\u009b\u001b\n":"b\u2066"}"# + "\n")
    let back: [String: String] = try ReportText.decode(text)
    #expect(back == ["a\u{202E}\u{9B}\u{1B}\n": "b\u{2066}"])
  }

  @Test("cannot break out of a table, a list, CSV or a page", arguments: characters)
  func places(_ text: String, _ shown: String) {
    var table = TextTable([.init("name", .left), .init("number")])
    table.add(["x" + text + "y", "1"])
    #expect(table.text.split(separator: "\n").last?.contains("x" + shown + "y  ") == true)
    #expect(TerminalText.list([("x" + text, "y" + text)]) == "x" + shown + "  y" + shown)
    let csv = ReportText.csv([("a", { $0 }), ("b", { _ in "2" })], [text])
    #expect(csv == "a,b\n" + shown + ",2\n")
    let lines = ReportText.jsonLines([("a", { $0 })], [text])
    #expect(lines.dropLast().allSatisfy { TerminalText.escaped(String($0)) == String($0) })
    #expect(lines.split(separator: "\n").count == 1 && lines.hasSuffix("\"}\n"))
    #expect(table.markdown().hasSuffix("| x" + Markup.inMarkdown(shown) + "y | 1 |\n"))
    let isLineEnd = ["\n", "\r\n", "\t"].contains(text)
    #expect(Markup.escaped(text) == (isLineEnd ? text : shown))
  }

  @Test("in names of models, texts and policies are shown in every report's heading and lines")
  func reports() {
    let name = "evil\u{1B}[2J\nall is well"
    let shown = "evil\\u{1b}[2J\\nall is well"
    let conditions = CapacityReport.Conditions(
      model: name, layers: 1, keyHeads: 1, threads: 1, arithmetic: .exact, rowFormat: .f16,
      pageRows: 16, chunk: 1, poolBytes: 1, promptTokens: 1, generatedTokens: 1, seed: 1)
    let report = CapacityReport(conditions: conditions, rows: [])
    #expect(report.table.hasPrefix(shown + ": a pool of "))
    #expect(report.csv.split(separator: "\n").count == 1)
    let entry = PolicyEntry(withoutBudget: PolicyConfiguration("full"), label: name)
    let note = BudgetNote([entry]).text ?? ""
    #expect(TerminalText.list([("budget", note)]) == "budget  \(shown) takes none")
  }
}
