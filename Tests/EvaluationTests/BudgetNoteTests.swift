import Testing

@testable import Evaluation

@Suite("The note on budgets")
struct BudgetNoteTests {
  private func note(_ rows: BudgetNote.Row...) -> BudgetNote { BudgetNote(rows) }

  @Test("names what was given, and who takes none, once each")
  func text() {
    #expect(note(("h2o", 64, true), ("h2o", 64, true)).text == "64 rows per lane")
    #expect(
      note(("full", nil, false), ("h2o", 64, true), ("full", nil, false), ("mine", nil, nil)).text
        == "64 rows per lane; full takes none")
    #expect(note(("full", nil, false), ("all", nil, false)).text == "full and all take none")
    #expect(
      note(("a", nil, false), ("b", nil, false), ("c", nil, false), ("d", 9, true)).text
        == "9 rows per lane; a, b and c take none")
  }

  @Test("says nothing where no budget was offered")
  func silence() {
    #expect(note().text == nil)
    #expect(note(("mine", nil, nil)).notes.isEmpty)
    #expect(
      note(("full", nil, false)).notes.map { [$0.term, $0.meaning] } == [
        ["budget", "full takes none"]
      ])
  }
}
