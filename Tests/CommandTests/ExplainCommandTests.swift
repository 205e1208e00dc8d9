import Foundation
import KVPolicyKit
import Testing

@Suite("kvpolicy explain")
struct ExplainCommandTests {
  private static let small = [
    "explain", "--model", "@/bytes", "--prompt", "The quick brown fox jumps over it.", "--steps",
    "12",
  ]

  @Test("writes a page about two policies and says where")
  func page() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(ExplainCommandTests.small + ["--budget", "16"])
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.output == "The page is \(workshop.folder)/explain.html.\n")
    let html = try workshop.read("explain.html")
    #expect(html.contains("streamingllm, 16 rows per lane") && html.contains("snapkv, 16 rows"))
    #expect(html.hasSuffix("</html>\n"))
  }

  @Test("the bytes are the same for any number of threads, in a file or printed")
  func threads() throws {
    let workshop = try Workshop()
    let pages = try ["1", "2"].map { threads in
      let words = ["explain", "--model", "bundled", "--steps", "16", "--threads", threads]
      #expect(workshop.run(words + ["--out", "@/page.html"]).status == 0)
      let printed = workshop.run(words + ["--out", "-"])
      let page = try workshop.read("page.html")
      #expect(printed.output == page)
      return printed.output
    }
    #expect(pages[0] == pages[1] && pages[0].contains("a document of the tasks"))
  }

  @Test("text is printed, or written where the command line says")
  func text() throws {
    let workshop = try Workshop()
    let words = ExplainCommandTests.small + ["--format", "text", "--policies", "h2o"]
    let printed = workshop.run(words)
    #expect(printed.status == 0 && printed.errors.isEmpty, "\(printed.errors)")
    #expect(printed.output.contains("h2o, 8 rows per lane, at the end:\nlayer 0 head 0 |"))
    #expect(printed.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(workshop.run(words + ["--out", "@/out.txt"]).status == 0)
    #expect(try workshop.read("out.txt") == printed.output)
    #expect(!workshop.names.contains("explain.html"))
  }

  @Test("configurations alone are drawn without named policies, and beside one of them with it")
  func configurations() throws {
    let workshop = try Workshop()
    let words = ExplainCommandTests.small + ["--config", "@/tova.json", "--out", "-"]
    let alone = workshop.run(words)
    #expect(alone.status == 0, "\(alone.errors)")
    #expect(alone.output.contains("<h2 id=\"name0\">tova</h2>"))
    #expect(!alone.output.contains("<h2 id=\"name1\""))
    let beside = workshop.run(words + ["--policies", "tova", "--budget", "12"])
    #expect(beside.output.contains("<h2 id=\"name0\">tova, 12 rows per lane</h2>"))
    #expect(beside.output.contains("<h2 id=\"name1\">tova-2</h2>"))
  }

  @Test("a prompt is typed, in a file or standard input, which lose their last line end")
  func prompts() throws {
    let workshop = try Workshop()
    try workshop.write("in.txt", "one two\n")
    func run(_ words: [String], _ input: String = "") -> Substring? {
      let outcome = workshop.run(
        ["explain", "--model", "@/bytes", "--budget", "6", "--out", "-"] + words,
        input: Array(input.utf8))
      return outcome.output.firstMatch(of: /prompt of (.*?)\) and wrote/)?.1
    }
    #expect(run(["--text", "@/in.txt"]) == "7 tokens (\(workshop.folder)/in.txt")
    #expect(run(["--prompt", "-"], "one two\r\n") == "7 tokens (standard input")
    #expect(run(["--prompt", "one two\n"]) == "8 tokens (from the command line")
  }

  static let bad: [BadInput] = [
    .usage("explain --model @/bytes --steps 0", "--steps cannot be '0'"),
    .usage("explain --model @/bytes --steps 1025", "from 1 to 1024"),
    .usage("explain --model @/bytes --policies h20", "did you mean 'h2o'?"),
    .usage("explain --model @/bytes --format pdf", "it must be one of html, text"),
    .usage("explain --model @/bytes --prompt x --text @/t", "exclude each other"),
    .usage("explain --model @/bytes --special yes", "no effect without --text"),
    .usage("explain --model @/bytes --chat", "no effect without --text"),
    .usage("explain --model @/bytes --prompt x --system y", "no effect without --chat"),
    .usage("explain --model @/bytes --prompt - --config -", "only one file can be read from"),
    .usage("explain --model @/bytes --config @/tova.json --budget 8", "no effect without"),
    .usage("explain --model @/bytes --text @/tokens.json --out @/tokens.json", "is an input"),
    .usage("explain --model @/bytes --config @/tova.json --out @/tova.json", "is an input"),
    .usage("explain --model @/bytes --prompt x --out @/bytes/config.json", "is an input"),
    .usage("explain --model @/bytes --prompt x --budget 1/4", "is less than a row"),
    .failure("explain --model @/bytes --prompt ''", "the prompt is empty"),
    .failure("explain --model @/bytes --text @/none.txt", "cannot read"),
    .failure("explain --model @/bytes --prompt x --out @/none/page.html", "cannot write"),
    .failure("explain --model @/plain --prompt x", "tokenizer"),
    .failure(
      "explain --model @/bytes --prompt xxxxxxxxxx --steps 151 --budget 6",
      "a prompt of 10 tokens with 151 steps is too long: the model's context is 160 tokens"),
    .failure(
      "explain --model @/bytes --prompt xxxxxxxx --policies full,h2o,tova --budget 6",
      "3 policies cannot be explained beside each other"),
    .failure("explain --model @/bytes --prompt -", "is not UTF-8 text", input: [0xFF, 0x0A]),
  ]

  @Test("bad input leaves no page", arguments: bad)
  func badInput(_ bad: BadInput) throws {
    let workshop = try Workshop()
    let before = workshop.names
    let outcome = workshop.run(bad.words, input: bad.input)
    #expect(outcome.status == bad.status && outcome.errors.contains(bad.message), "\(outcome)")
    #expect(outcome.output.isEmpty && workshop.names == before)
  }

  @Test("text of the model is escaped in a page and in a terminal")
  func control() throws {
    let workshop = try Workshop()
    let words = [
      "explain", "--model", "@/bytes", "--budget", "6", "--prompt", "a\u{1B}[31m</script>b",
    ]
    let page = workshop.run(words + ["--out", "-"])
    #expect(page.status == 0 && !page.output.contains("\u{1B}"))
    #expect(page.output.matches(of: /<\/script>/).count == 2)
    #expect(!workshop.run(words + ["--format", "text"]).output.contains("\u{1B}"))
  }
}
