import Testing

@Suite("kvpolicy document")
struct DocumentCommandTests {
  private func document(_ words: String...) throws -> Outcome {
    try Workshop().run(["document"] + words)
  }

  @Test("a document is printed with its true answer, the same every time")
  func printed() throws {
    let outcome = try document()
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.output.hasPrefix("start \n") && outcome.output.hasSuffix("stop \n"))
    #expect(outcome.output.contains("\nanswer \n"))
    #expect(try document().output == outcome.output)
    #expect(try document("--number", "1").output != outcome.output)
    #expect(try document("--seed", "1").output != outcome.output)
    // The last token is the line end for the terminal and does not belong to the document.
    let tokens = outcome.output.dropLast().split { $0 == " " }.reduce(0) {
      $0 + 1 + $1.count { $0 == "\n" }
    }
    #expect(tokens == 256)
  }

  @Test("a prompt ends where the answer begins")
  func prompt() throws {
    let whole = try document("--kind", "dialogue").output
    let prompt = try document("--kind", "dialogue", "--prompt").output
    #expect(whole.hasPrefix(prompt) && prompt.hasSuffix("\nanswer \n"))
    #expect(whole.split(separator: "stop ").count > 2)
  }

  @Test("what the language cannot hold is refused")
  func refused() throws {
    #expect(try document("--tokens", "95").errors.contains("from 96 to"))
    #expect(try document("--kind", "dialogue", "--tokens", "96").errors.contains("from 128 to"))
    #expect(try document("--kind", "song").errors.contains("both, dialogue"))
    #expect(try document("--number", "65536").status != 0)
  }
}
