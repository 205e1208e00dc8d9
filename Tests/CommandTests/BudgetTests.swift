import Evaluation
import KVPolicyKit
import Testing

@testable import KVPolicyCommand

@Suite("Budgets")
struct BudgetTests {
  private static let syntax = Syntax(
    name: "try", summary: "tries", usage: "[options]",
    options: [Option("--budget", "BUDGETS", "how much")])

  private func budgets(_ text: String?, tokens: Int = 2048) throws(CommandError) -> [GivenBudget] {
    let words = text.map { ["--budget=\($0)"] } ?? []
    return try Arguments(words, syntax: BudgetTests.syntax)
      .budgets("--budget", default: "1/4,1/8", tokens: tokens, of: "document")
  }

  @Test(
    "rows are taken as they are, and shares of a document are rounded down",
    arguments: [
      ("512", [512]), ("1/4", [512]), ("1/3,1/5", [682, 409]), (" 64 , 3/4", [64, 1536]),
      ("1/1", [2048]), ("1/2048,2", [1, 2]), ("0512", [512]), ("1073741824", [1 << 30]),
      ("1073741823/1073741824", [2047]),
    ])
  func legal(_ text: String, _ expected: [Int]) throws {
    #expect(try budgets(text).map(\.amount) == expected.map { .rows($0) })
  }

  @Test(
    "bytes are counted in binary units",
    arguments: [
      ("1B", 1), ("530432B", 530_432), ("256KiB", 256 << 10), ("1MiB", 1 << 20), ("2GiB", 2 << 30),
      ("17592186044416B", 1 << 44), ("16384GiB", 1 << 44),
    ])
  func bytes(_ text: String, _ expected: Int) throws {
    #expect(try budgets("64,\(text)").map(\.amount) == [.rows(64), .bytes(expected)])
  }

  @Test(
    "bytes that no budget can have are refused",
    arguments: ["0B", "0MiB", "16385GiB", "17592186044417B", "9223372036854775807GiB"])
  func impossibleBytes(_ text: String) {
    #expect(
      throws: CommandError.usage(
        "--budget cannot be '\(text)'; a budget in bytes is from 1B to 16384GiB")
    ) { try budgets(text) }
  }

  @Test("for a shorter text, the budget is smaller in proportion, and at least one")
  func scaled() {
    #expect(Budget.rows(96).scaled(to: 448, of: 512).amount == .rows(84))
    #expect(Budget.rows(1).scaled(to: 1, of: 512).amount == .rows(1))
    #expect(Budget.bytes(1 << 20).scaled(to: 448, of: 512).amount == .bytes(917_504))
    #expect(Budget.bytes(1 << 44).scaled(to: 1 << 20, of: 1 << 20).amount == .bytes(1 << 44))
    #expect(Budget.share(1, of: 4).scaled(to: 448, of: 512).amount == .rows(112))
  }

  @Test("without the option the standard ones hold")
  func standard() throws {
    #expect(try budgets(nil, tokens: 100).map(\.amount) == [.rows(25), .rows(12)])
  }

  @Test("an error about a share says which it was, one about rows need not")
  func origin() throws {
    let budgets = try budgets("1/1024,64")
    #expect(budgets[0].origin == " (--budget 1/1024 of a document of 2048 tokens)")
    #expect(budgets[1].origin.isEmpty)
  }

  @Test(
    "what is no budget is refused",
    arguments: [
      "0", "-3", "+4", "x", "1.5", "1e3", "1/0", "0/4", "1/-4", "/4", "4/", "/", "1/1/1", "1 /4",
      "½", "٣", "1MB", "1 MiB", "1mib", "1.5MiB", "MiB", "-1B", "1/4MiB", "1e6B", "nan",
      "99999999999999999999", "1073741825", "1/1073741825", "none",
    ])
  func illegal(_ text: String) {
    #expect(
      throws: CommandError.usage(
        "--budget cannot be '\(text)'; a budget is a number of rows, such as 512, a share of the "
          + "tokens, such as 1/4, or bytes in B, KiB, MiB or GiB, such as 1MiB; numbers are whole, "
          + "and rows and shares from 1 to 1073741824")
    ) { try budgets("64,\(text)") }
  }

  @Test(
    "other mistakes are named",
    arguments: [
      ("5/4", "--budget cannot be '5/4'; a share of the tokens is at most 1, such as 1/4"),
      (",", "--budget ',' has an empty budget; write budgets with commas between"),
      ("64,", "--budget '64,' has an empty budget; write budgets with commas between"),
      ("64,64", "--budget names '64' twice"),
      ("1/4,512", "--budget names 512 rows twice, as '1/4' and as '512'; leave one out"),
      (
        "1MiB,1024KiB",
        "--budget names 1048576 bytes twice, as '1MiB' and as '1024KiB'; leave one out"
      ),
      ("1/4,2/8", "--budget names 512 rows twice, as '1/4' and as '2/8'; leave one out"),
      (
        "1/2049",
        "--budget 1/2049 of a document of 2048 tokens is less than a row; ask for a larger share "
          + "or a longer document"
      ),
    ])
  func mistakes(_ text: String, _ message: String) {
    #expect(throws: CommandError.usage(message)) { try budgets(text) }
  }
}
