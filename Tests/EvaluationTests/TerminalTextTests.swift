import Evaluation
import Reporting
import Testing

@Suite("Text for a terminal")
struct TerminalTextTests {
  @Test("is broken between words, and keeps lines and indents")
  func wrapped() {
    let text = TerminalText.wrapped("  one two three\n\nfour  five six", columns: 10)
    #expect(text == "  one two\n  three\n\nfour five\nsix")
    #expect(TerminalText.wrapped("a  b\n", columns: 10) == "a  b\n", "what fits is left alone")
    #expect(TerminalText.wrapped("", columns: 10).isEmpty)
    #expect(TerminalText.wrapped("a abcdefghijkl b", columns: 10) == "a\nabcdefghijkl\nb")
  }

  @Test("is not broken at a bond, unless there is no other way")
  func bonds() {
    let bond = TerminalText.bond
    #expect(TerminalText.wrapped("aaa bbb\(bond)cc dd", columns: 8) == "aaa\nbbb cc\ndd")
    #expect(TerminalText.wrapped("aaa bbbb\(bond)cccc", columns: 8) == "aaa bbbb\ncccc")
  }

  @Test("paragraphs are broken anew")
  func reflowed() {
    let words = Array(repeating: "word", count: 20).joined(separator: "\n")
    let lines = TerminalText.reflowed(words + "\n\nend").split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.map(\.count) == [79, 19, 0, 3])
  }

  @Test("a list sets meanings in a column, also those of several lines")
  func list() {
    let long = Array(repeating: "word", count: 20).joined(separator: " ")
    let lines = TerminalText.list([("a", long), ("long", "short"), ("b", "")], indent: 1)
      .split(separator: "\n")
    #expect(lines.count == 4 && lines.allSatisfy { $0.count <= 80 })
    #expect(lines[0].hasPrefix(" a     word word") && lines[1].hasPrefix("       word"))
    #expect(lines[2] == " long  short" && lines[3] == " b")
  }
}

@Suite("A table for a terminal")
struct TextTableTests {
  private func table(_ label: String) -> TextTable {
    var table = TextTable([
      .init("name", .left), .init("a", .right, "the first", leaves: 1),
      .init("b", .right, "the second", leaves: 2), .init("c", leaves: 2), .init("d"),
    ])
    table.add([label, "1", "22", "333", "4"])
    return table
  }

  @Test("shows every column that fits")
  func fits() {
    #expect(
      table("x").page(isWide: false, notes: [("note", "first")]) == """
        name  a   b    c  d
        x     1  22  333  4

        note  first
        a     the first
        b     the second
        """)
  }

  @Test("leaves out columns in order until it fits, and names them")
  func leaves() {
    let name = String(repeating: "x", count: 70)
    let page = table(name).page(isWide: false)
    #expect(page.split(separator: "\n")[1] == "\(name)  1  4")
    #expect(page.hasSuffix("\n\na         the first\nleft out  b and c; --wide shows them"))
    #expect(table(name).page(isWide: true).split(separator: "\n")[1] == "\(name)  1  22  333  4")
  }

  @Test("keeps what it cannot be without, although it does not fit")
  func keeps() {
    let name = String(repeating: "x", count: 90)
    #expect(table(name).page(isWide: false).split(separator: "\n")[1] == "\(name)  4")
  }
}
