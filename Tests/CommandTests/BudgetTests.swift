import Testing

@testable import KVPolicyCommand

@Suite("Budgets")
struct BudgetTests {
  private static let syntax = Syntax(
    name: "try", summary: "tries", usage: "[options]",
    options: [Option("--budget", "BUDGETS", "how much")])

  private func rows(_ text: String?, tokens: Int = 2048) throws(CommandError) -> [BudgetInRows] {
    let words = text.map { ["--budget=\($0)"] } ?? []
    return try Arguments(words, syntax: BudgetTests.syntax)
      .budgets("--budget", default: "1/4,1/8", tokens: tokens).map(\.rows)
  }

  @Test(
    "rows are taken as they are, and shares of a document are rounded down",
    arguments: [
      ("512", [512]), ("1/4", [512]), ("1/3,1/5", [682, 409]), (" 64 , 3/4", [64, 1536]),
      ("1/1", [2048]), ("1/2048,2", [1, 2]), ("0512", [512]), ("1073741824", [1 << 30]),
      ("1073741823/1073741824", [2047]),
    ])
  func legal(_ text: String, _ expected: [Int]) throws {
    #expect(try rows(text).map(\.rows) == expected)
  }

  @Test("without the option the standard ones hold")
  func standard() throws { #expect(try rows(nil, tokens: 100).map(\.rows) == [25, 12]) }

  @Test("an error about a share says which it was, one about rows need not")
  func origin() throws {
    let budgets = try rows("1/1024,64")
    #expect(budgets[0].origin == " (--budget 1/1024 of a document of 2048 tokens)")
    #expect(budgets[1].origin.isEmpty)
  }

  @Test(
    "what is neither rows nor a share is refused",
    arguments: [
      "0", "-3", "+4", "x", "1.5", "1e3", "1/0", "0/4", "1/-4", "/4", "4/", "/", "1/1/1", "1 /4",
      "½", "٣", "99999999999999999999", "1073741825", "1/1073741825", "none",
    ])
  func illegal(_ text: String) {
    #expect(
      throws: CommandError.usage(
        "--budget cannot be '\(text)'; a budget is a number of rows, such as 512, or a share of a "
          + "document's tokens, such as 1/4, in whole numbers from 1 to 1073741824")
    ) { try rows("64,\(text)") }
  }

  @Test(
    "other mistakes are named",
    arguments: [
      ("5/4", "--budget cannot be '5/4'; a share of a document's tokens is at most 1, such as 1/4"),
      (",", "--budget ',' has an empty budget; write budgets with commas between"),
      ("64,", "--budget '64,' has an empty budget; write budgets with commas between"),
      ("64,64", "--budget names '64' twice"),
      ("1/4,512", "--budget names 512 rows twice, as '1/4' and as '512'; leave one out"),
      ("1/4,2/8", "--budget names 512 rows twice, as '1/4' and as '2/8'; leave one out"),
      (
        "1/2049",
        "--budget 1/2049 of a document of 2048 tokens is less than a row; ask for a larger share "
          + "or a longer document"
      ),
    ])
  func mistakes(_ text: String, _ message: String) {
    #expect(throws: CommandError.usage(message)) { try rows(text) }
  }
}
