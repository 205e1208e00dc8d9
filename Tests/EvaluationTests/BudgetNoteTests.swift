import KVPolicyKit
import Testing

@testable import Evaluation

@Suite("The note on budgets")
struct BudgetNoteTests {
  private struct Line: Budgeted {
    var label: String
    var budget: Int?
    var budgetBytes: Int?
    var takesBudget: Bool?
  }

  private func line(_ label: String, _ rows: Int? = nil, bytes: Int? = nil) -> Line {
    Line(label: label, budget: rows, budgetBytes: bytes, takesBudget: rows != nil)
  }

  private func note(_ lines: Line...) -> BudgetNote { BudgetNote(lines) }

  @Test("names what was given, and who takes none, once each")
  func text() {
    #expect(note(line("h2o", 64), line("h2o", 64)).text == "64 rows per lane")
    var mine = line("mine")
    mine.takesBudget = nil
    #expect(
      note(line("full"), line("h2o", 64), line("full"), mine).text
        == "64 rows per lane; full takes none")
    #expect(note(line("full"), line("all")).text == "full and all take none")
    #expect(
      note(line("a"), line("b"), line("c"), line("d", 9)).text
        == "9 rows per lane; a, b and c take none")
    #expect(
      note(line("a", 9, bytes: 1 << 20), line("b", 1024), line("b", 7, bytes: 1536)).text
        == "1,024 rows per lane; 1.0 MiB and 1.5 KiB per sequence")
    #expect(note().text == nil && note(mine).text == nil)
  }

  @Test("a cell shows the budget as it was given, and marks what grows and what has none")
  func cells() {
    #expect(line("a", 64).budgetCell(grows: false) == "64")
    #expect(line("a", 64).budgetCell(grows: true) == "64+")
    #expect(line("a", 64, bytes: 1 << 20).budgetCell(grows: true) == "1.0 MiB+")
    #expect(line("a").budgetCell(grows: true) == "+")
    #expect(line("a").budgetCell(grows: false) == "-")
  }
}
