import Testing

@Suite("kvpolicy tokenize")
struct TokenizeCommandTests {
  private func tokenize(_ lines: String, _ more: String...) throws -> Outcome {
    try Workshop().run(["tokenize", "--model", "@/bytes"] + more, input: Array(lines.utf8))
  }

  @Test("every line is answered by one line, the last one also without an end")
  func lines() throws {
    let outcome = try tokenize("\"Hi\"\n\"\"\n\"a\\u00e9<end>\"")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == "[72,105]\n[]\n[97,195,169,256]\n")
  }

  @Test("tokens turn back into text")
  func decode() throws {
    let outcome = try tokenize("[72,105]\n[]\n[97,195,169,256]\n[195]\n", "--decode")
    #expect(outcome.output == "\"Hi\"\n\"\"\n\"aé<end>\"\n\"\u{FFFD}\"\n")
  }

  @Test("special tokens are text where they are not wanted")
  func special() throws {
    #expect(try tokenize("\"<end>\"", "--special", "no").output == "[60,101,110,100,62]\n")
    #expect(try tokenize("[72,256]", "--decode", "--special=no").output == "\"H\"\n")
  }

  @Test("lines before a broken one are answered, and its number is named")
  func broken() throws {
    let outcome = try tokenize("\"a\"\n\"b\"\n\n\"c\"\n")
    #expect(outcome.status == 1)
    #expect(outcome.output == "[97]\n[98]\n")
    #expect(outcome.errors.hasPrefix("kvpolicy: line 3: it is not JSON: column 1: "))
  }

  @Test("no input, no output")
  func empty() throws {
    let outcome = try tokenize("")
    #expect(outcome.status == 0 && outcome.output.isEmpty)
  }
}
