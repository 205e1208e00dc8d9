import KVPolicyCommand
import Testing

@Suite("kvpolicy generate")
struct GenerateCommandTests {
  private func generate(_ workshop: Workshop, _ more: String..., input: String = "") -> Outcome {
    workshop.run(["generate", "--model", "@/bytes"] + more, input: Array(input.utf8))
  }

  @Test("the text goes to standard output, what the cache held to standard error")
  func streams() throws {
    let workshop = try Workshop()
    let outcome = generate(workshop, "--prompt", "Once", "--max-tokens", "12")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasSuffix("\n") && outcome.output.count > 1)
    #expect(outcome.errors.hasPrefix("full: 15 of 15 rows per lane, "), "\(outcome.errors)")
    #expect(outcome.errors.contains("prompt: 4 tokens, ") && outcome.errors.contains("11 steps"))
    let quiet = generate(workshop, "--prompt", "Once", "--max-tokens", "12", "--quiet")
    #expect(quiet.output == outcome.output && quiet.errors.isEmpty)
  }

  @Test("a prompt from standard input loses one line end, and nothing else")
  func standardInput() throws {
    let workshop = try Workshop()
    let direct = generate(workshop, "--prompt", "Once\n", "--max-tokens", "4")
    let piped = generate(workshop, "--prompt", "-", "--max-tokens", "4", input: "Once\n\n")
    #expect(piped.status == 0 && piped.output == direct.output)
    #expect(piped.errors.contains("prompt: 5 tokens"))
  }

  @Test(
    "a carriage return with a line feed is one line end",
    arguments: [("Once\r\n", 4), ("Once\n", 4), ("Once\r\n\r\n", 6), ("Once\n\r", 6), ("Once", 4)])
  func lineEnds(_ text: String, _ tokens: Int) throws {
    let outcome = generate(try Workshop(), "--prompt", "-", "--max-tokens", "1", input: text)
    #expect(outcome.errors.contains("prompt: \(tokens) tokens, "), "\(outcome.errors)")
  }

  @Test("special tokens are read as tokens where that is asked for, in a prompt and in a text")
  func special() throws {
    let workshop = try Workshop()
    for (answer, tokens) in [("yes", 3), ("no", 7)] {
      let outcome = generate(
        workshop, "--prompt", "a<end>b", "--special", answer, "--max-tokens", "1")
      #expect(outcome.errors.contains("prompt: \(tokens) tokens, "), "\(outcome.errors)")
    }
    try workshop.write("t.txt", "a<end>b")
    for (answer, tokens) in [("yes", 3), ("no", 7)] {
      let outcome = workshop.run([
        "compare", "--model", "@/bytes", "--text", "@/t.txt", "--special", answer,
      ])
      #expect(outcome.errors.contains("the text has \(tokens) tokens"), "\(outcome.errors)")
    }
  }

  @Test("a replacement character that was typed is text")
  func replacement() throws {
    let outcome = generate(try Workshop(), "--prompt", "a\u{FFFD}", "--max-tokens", "1")
    #expect(outcome.status == 0 && outcome.errors.contains("prompt: 4 tokens, "))
  }

  @Test("a terminal shows control characters of the text as escapes, a pipe gets them")
  func controlCharacters() throws {
    let workshop = try Workshop()
    let words = [
      "generate", "--model", "@/bytes", "--prompt", "Once", "--temperature", "2", "--max-tokens",
      "150", "--quiet",
    ]
    func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.generalCategory == .control && !"\n\t".unicodeScalars.contains(scalar)
    }
    let raw = workshop.run(words).output
    #expect(raw.unicodeScalars.contains(where: isObeyed))
    let shown = workshop.run(words, outputInteractive: true).output
    #expect(!shown.unicodeScalars.contains(where: isObeyed))
    let replaced = shown.replacing(/\\u\{[0-9a-f]+\}|\\r/, with: "?")
    #expect(replaced.unicodeScalars.count == raw.unicodeScalars.count)
  }

  @Test("the bundled model answers a prompt of the tasks that comes from 'document'")
  func tasks() throws {
    let workshop = try Workshop()
    let prompt = workshop.run(["document", "--tokens", "96", "--prompt"]).output
    let outcome = workshop.run(
      ["generate", "--prompt", "-", "--max-tokens", "64"], input: Array(prompt.utf8))
    #expect(outcome.status == 0 && !outcome.errors.contains("kvpolicy:"), "\(outcome.errors)")
    // The line end after 'answer' counts as a word of the prompt.
    let count = prompt.count { $0 == " " || $0 == "\n" }
    #expect(outcome.errors.contains("prompt: \(count) tokens, "), "\(outcome.errors)")
    let direct = workshop.run(["generate", "--prompt", prompt, "--max-tokens", "64"])
    #expect(direct.output == outcome.output)
  }

  @Test("a prompt that the bundled model does not understand is continued with a note")
  func foreign() throws {
    let workshop = try Workshop()
    let words = ["generate", "--prompt", "Once upon a time", "--max-tokens", "2", "--quiet"]
    let outcome = workshop.run(words)
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("'kvpolicy document --prompt' prints a prompt"))
    #expect(outcome.errors.count { $0 == "\n" } == 1)
    let other = workshop.run(words + ["--model", "@/bytes"])
    #expect(other.status == 0 && other.errors.isEmpty, "\(other.errors)")
  }

  @Test("a policy keeps what its budget says, or its configuration")
  func policies() throws {
    let workshop = try Workshop()
    let prompt = String(repeating: "abcdefg ", count: 5)
    let budget = generate(workshop, "--prompt", prompt, "--policy", "h2o", "--budget", "10")
    #expect(budget.errors.hasPrefix("h2o: 10 of "), "\(budget.errors)")
    let configured = generate(workshop, "--prompt", prompt, "--config", "@/tova.json")
    #expect(configured.errors.hasPrefix("tova: 8 of "), "\(configured.errors)")
  }

  @Test("equal seeds choose equally, and greedy choice needs none")
  func seeds() throws {
    let workshop = try Workshop()
    let options = ["generate", "--model", "@/bytes", "--prompt", "Once", "--temperature", "2"]
    let first = workshop.run(options + ["--seed", "1"])
    #expect(first.status == 0, "\(first.errors)")
    #expect(workshop.run(options + ["--seed", "1"]).output == first.output)
    #expect(workshop.run(options + ["--seed", "2"]).output != first.output)
  }

  @Test("an option that has no effect is said to have none")
  func noEffect() throws {
    let outcome = generate(try Workshop(), "--prompt", "x", "--top-k", "3", "--max-tokens", "1")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("--top-k has no effect at a temperature of 0"))
  }

  @Test("at the end of the context it stops and says so, unless keys are placed by rank")
  func context() throws {
    let workshop = try Workshop()
    let prompt = String(repeating: "x", count: TinyModel.contextLength)
    // A temperature keeps the tiny model from an early end token or a fixed point.
    let stopped = generate(workshop, "--prompt", prompt, "--max-tokens", "9")
    #expect(stopped.status == 0)
    #expect(stopped.errors.contains("the model's context of 160 positions is full"))
    try workshop.write(
      "rank.json",
      #"{"policy": "streamingllm", "sinks": 2, "recent": 30, "positions": "compacted"}"#)
    let going = generate(
      workshop, "--prompt", prompt, "--max-tokens", "9", "--config", "@/rank.json")
    #expect(going.status == 0 && going.errors.contains("8 steps"), "\(going.errors)")
    #expect(!going.errors.contains("context"))
  }

  @Test("when nobody reads on it ends quietly")
  func closedOutput() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      ["generate", "--model", "@/bytes", "--prompt", "Once"], closesAfter: 2)
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
  }
}
