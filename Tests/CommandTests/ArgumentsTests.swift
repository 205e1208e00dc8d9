import Testing

@testable import KVPolicyCommand

@Suite("Arguments")
struct ArgumentsTests {
  private static let syntax = Syntax(
    name: "sort", summary: "sorts", usage: "[options]", operands: 1,
    options: [
      Option("--count", "N", "how many"), Option("--file", "F", "which", repeats: true),
      Option("--text", "T", "what", allowsEmpty: true), Option(flag: "--quiet", "say nothing"),
    ])

  private func parse(_ words: String...) throws(CommandError) -> Arguments {
    try Arguments(words, syntax: ArgumentsTests.syntax)
  }

  @Test("a value follows its option, or an equals sign")
  func values() throws {
    #expect(try parse("--count", "3").integer("--count", in: 1...9) == 3)
    #expect(try parse("--count=3").integer("--count", in: 1...9) == 3)
    #expect(try parse("--text=a=b").text("--text") == "a=b")
    #expect(try parse("--text", "").text("--text") == "")
  }

  @Test("what is not given is nothing")
  func absent() throws {
    let arguments = try parse()
    #expect(try arguments.integer("--count", in: 1...9) == nil)
    #expect(!arguments.has("--quiet"))
    #expect(arguments.all("--file").isEmpty)
  }

  @Test("options that repeat keep their order")
  func repeats() throws {
    #expect(try parse("--file", "a", "--file=b", "--file", "-").all("--file") == ["a", "b", "-"])
  }

  @Test("after two dashes everything is an operand")
  func operands() throws {
    #expect(try parse("--quiet", "--", "--count").operands == ["--count"])
    #expect(try parse("--", "-h").wantsHelp == false)
  }

  @Test("a request for help wins over mistakes", arguments: ["--help", "-h"])
  func help(_ word: String) throws {
    #expect(try parse("--bogus", word).wantsHelp)
  }

  @Test(
    "mistakes are named",
    arguments: [
      (["--cuont", "3"], "there is no option '--cuont' (did you mean '--count'?)"),
      (["--count"], "--count needs a value: --count N"),
      (["--count", "--quiet"], "--count needs a value: --count N"),
      (["--count="], "--count needs a value: --count N"),
      (["--count", "1", "--count=2"], "--count is given twice; give it once"),
      (["--quiet", "--quiet"], "--quiet is given twice; give it once"),
      (["--quiet=yes"], "--quiet takes no value"),
      (["one", "two"], "unexpected argument 'two'"),
    ])
  func mistakes(_ words: [String], _ message: String) {
    #expect(throws: CommandError.usage(message)) {
      try Arguments(words, syntax: ArgumentsTests.syntax)
    }
  }

  @Test(
    "what is no whole number in range is refused",
    arguments: ["0", "-5", "10", "3.0", "1e1", "three", "99999999999999999999", " 3", "٣"])
  func badIntegers(_ text: String) throws {
    let arguments = try parse("--count", text)
    #expect(
      throws: CommandError.usage(
        "--count cannot be '\(text)'; it must be a whole number from 1 to 9")
    ) {
      try arguments.integer("--count", in: 1...9)
    }
  }

  @Test("what is no finite number is refused", arguments: ["nan", "inf", "-1", "1e999", "x"])
  func badNumbers(_ text: String) throws {
    let arguments = try parse("--count", text)
    #expect(
      throws: CommandError.usage("--count cannot be '\(text)'; it must be a number of 0 or more")
    ) {
      try arguments.number("--count", "of 0 or more", where: { $0 >= 0 })
    }
  }
}
