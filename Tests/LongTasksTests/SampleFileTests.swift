import Testing

@testable import LongTasks

/// Files of this suite are made up.
@Suite("Files of samples")
struct SampleFileTests {
  private func file(
    _ text: String, _ format: SampleFile.Format, metric: AnswerMetric? = nil
  ) throws -> SampleFile {
    try SampleFile(Array(text.utf8), format: format, name: "f", metric: metric)
  }

  private func sample(_ file: SampleFile, _ number: Int = 0) throws -> LongTaskSample {
    try file.sample(number, seed: 0, tokens: 10_000, count: Tokens.quarters)
  }

  @Test("plain files have a question and answers")
  func plain() throws {
    let file = try file(
      #"""
      {"context": "The lamp is in the attic.", "question": "Where is it?", "answers": ["attic", "up"]}
      {"context": "x", "question": "y", "answers": ["a", "b"], "metric": "match-all", "maxTokens": 7}
      {"context": "x", "question": "y", "answers": ["b"], "metric": "classification", "classes": ["a", "b"], "answerPrefix": ""}
      """#, .plain)
    #expect(file.count == 3)
    let first = try sample(file)
    #expect(first.prompt == "The lamp is in the attic.\n\nWhere is it?\nAnswer:")
    #expect(first.maxTokens == 128 && first.trueResponse == " attic.")
    #expect(first.score("Up there").value == 1 && first.score("below").value == 0)
    let second = try sample(file, 1)
    #expect(second.maxTokens == 7 && second.score("only a").value == 0.5)
    #expect(second.trueResponse == " a, b.")
    let third = try sample(file, 2)
    #expect(third.answerPrefix.isEmpty && third.forced.isEmpty)
    #expect(third.score("it is b").value == 1)
    // A metric of the call is for samples without their own.
    let other = try self.file(
      #"{"context": "", "question": "y", "answers": ["the cat"]}"#, .plain, metric: .f1)
    #expect(try sample(other).score("a cat sat").value == 2.0 / 3)
  }

  @Test("seed 0 keeps the order, other seeds shuffle it")
  func order() throws {
    let lines = (0..<30).map { #"{"context": "\#($0)", "question": "q", "answers": ["a"]}"# }
    let file = try file(lines.joined(separator: "\n") + "\n", .plain)
    func contexts(_ seed: Int) throws -> [String] {
      try (0..<30).map {
        try file.sample($0, seed: seed, tokens: 1000, count: Tokens.bytes).context
      }
    }
    let ordered = (0..<30).map { "\($0)" }
    #expect(try contexts(0) == ordered)
    #expect(try contexts(1) != ordered && contexts(1) != contexts(2))
    #expect(Set(try contexts(1)) == Set(ordered))
    #expect(
      throws: LongTaskError.request("'f' has 30 samples, numbered from 0; there is no sample 30")
    ) {
      try file.sample(30, seed: 0, tokens: 1000, count: Tokens.bytes)
    }
  }

  private func longBench(
    _ dataset: String, _ answers: String, classes: String = "null", language: String = "en"
  ) -> String {
    #"{"input": "IN", "context": "CON", "answers": \#(answers), "length": 2, "#
      + #""dataset": "\#(dataset)", "language": "\#(language)", "all_classes": \#(classes), "#
      + #""_id": "0"}"#
  }

  @Test(
    "LongBench's data sets have their metric and limit",
    arguments: [
      ("narrativeqa", 128), ("qasper", 128), ("multifieldqa_en", 64), ("hotpotqa", 32),
      ("2wikimqa", 32), ("musique", 32), ("gov_report", 512), ("qmsum", 512), ("multi_news", 512),
      ("triviaqa", 32), ("samsum", 128), ("lcc", 64), ("repobench-p", 64), ("qasper_e", 128),
    ])
  func longBench(dataset: String, limit: Int) throws {
    let sample = try sample(try file(longBench(dataset, #"["one two", "three"]"#), .longBench))
    #expect(sample.maxTokens == limit)
    #expect(sample.context.contains("CON"))
    let hasInput = !["gov_report", "multi_news", "lcc"].contains(dataset)
    #expect(sample.question.contains("IN") == hasInput)
    #expect(sample.score("three").value > 0.99)
    #expect(sample.score("zzz").value == 0)
  }

  @Test("LongBench's rules for classes, numbers and first lines")
  func longBenchRules() throws {
    let trec = try sample(
      try file(longBench("trec", #"["Food"]"#, classes: #"["Food", "Date"]"#), .longBench))
    #expect(trec.score("\nFood\nDate").value == 1)
    #expect(trec.score("Date\nFood").value == 0)
    let retrieval = try sample(
      try file(longBench("passage_retrieval_en", #"["Paragraph 12"]"#), .longBench))
    #expect(retrieval.score("Paragraph 12").value == 1)
    #expect(retrieval.score("Paragraph 1 or 12").value == 0.5)
    let count = try sample(try file(longBench("passage_count", #"["7"]"#), .longBench))
    #expect(count.score(" 7.").value == 1)
    let code = try sample(try file(longBench("lcc", #"["x = 1"]"#), .longBench))
    #expect(code.score("# a comment\nx = 2\n").value == 0.8)
    let qa = try sample(try file(longBench("hotpotqa", #"["Food"]"#), .longBench))
    #expect(qa.score("is\nFood").value == 2.0 / 3)
  }

  @Test("Chinese is refused, with what it needs", arguments: ["dureader", "narrativeqa"])
  func chinese(dataset: String) throws {
    let error = #expect(throws: LongTaskError.self) {
      try file(longBench(dataset, #"["x"]"#, language: "zh"), .longBench)
    }
    #expect(error?.description.contains("jieba") == true)
  }

  private let tower = #"""
    [{"prompt": "Plan a tower.", "checks_once": {"2": "Wine bar", "9": "court"},
      "checks_range": {"3": "hotel", "4": "hotel"}, "checks_periodic": {},
      "type": "Floor", "prefix": "#*# Floor 1:", "number": 4}]
    """#

  @Test("LongGenBench is scored without a judge, with both denominators")
  func longGenBench() throws {
    let sample = try sample(try file(tower, .longGenBench))
    #expect(sample.prompt == "Plan a tower.\n#*# Floor 1:")
    #expect(sample.maxTokens == 8000)
    let score = sample.score(" a hotel\n#*# Floor 2: a wine bar\n#*# Floor 3: a hotel")
    #expect(score.tallies["once"] == .init(hits: 1, found: 1, due: 2))
    #expect(score.tallies["range"] == .init(hits: 1, found: 1, due: 2))
    #expect(score.tallies["periodic"] == nil)
    #expect(score.measures["completion"] == 0.75)
    #expect(score.meanAccuracy(strict: false) == 1 && score.value == 0.5)
    // The response takes what the prompt leaves.
    let file = try file(tower, .longGenBench)
    #expect(try file.sample(0, seed: 0, tokens: 100, count: Tokens.bytes).maxTokens == 74)
    #expect(throws: LongTaskError.tooShort(task: "f", tokens: 26, needed: 27)) {
      try file.sample(0, seed: 0, tokens: 26, count: Tokens.bytes)
    }
  }

  @Test("LongWriter is scored by length")
  func longWriter() throws {
    let file = try file(
      #"""
      {"prompt": "Write four words.", "type": "News Report", "length": 4}
      {"prompt": "写", "type": "科普介绍", "length": 30000}
      """#, .longWriter)
    let sample = try sample(file)
    #expect(sample.maxTokens == 8 && sample.prompt == "Write four words.\n\n")
    #expect(sample.score("one two three four").value == 1)
    #expect(sample.score("one two").value == 0.5)
    #expect(sample.score("one two").measures["words"] == 2)
    let long = try file.sample(1, seed: 0, tokens: 40_000, count: Tokens.bytes)
    #expect(long.maxTokens == 32_768)
  }

  @Test("RULER's last line is the question")
  func ruler() throws {
    let file = try file(
      #"""
      {"index": 0, "input": "Text.\nMore.\nWhat is x? The x is", "outputs": ["12", "13"], "length": 9}
      {"index": 1, "input": "T\nQ?\n\n", "outputs": ["1"], "length": 9, "answer_prefix": " The x is"}
      {"index": 2, "input": "One line", "outputs": ["1"], "length": 9, "token_position_answer": 3}
      """#, .ruler)
    let first = try sample(file)
    #expect(first.context == "Text.\nMore.\n" && first.question == "What is x? The x is")
    #expect(first.answerPrefix.isEmpty && first.maxTokens == 128)
    #expect(first.score("12").value == 0.5)
    let second = try sample(file, 1)
    #expect(second.prompt == "T\nQ?\n\n The x is" && second.context == "T\n")
    #expect(try sample(file, 2).context == "One line")
    let any = try self.file(
      #"{"index": 0, "input": "q", "outputs": ["a", "b"], "length": 1}"#, .ruler, metric: .matchAny)
    #expect(try sample(any).score("b").value == 1)
  }
}

@Suite("Broken files of samples")
struct BrokenSampleFileTests {
  /// The error of a file, as text.
  private func error(_ bytes: [UInt8], _ format: SampleFile.Format) -> String {
    do throws(LongTaskError) {
      _ = try SampleFile(bytes, format: format, name: "f")
      return "none"
    } catch {
      return error.description
    }
  }

  private static let lines: [SampleFile.Format] = [.plain, .longBench, .longWriter, .ruler]

  @Test("no format traps on broken bytes", arguments: SampleFile.Format.allCases)
  func bytes(format: SampleFile.Format) {
    let broken: [[UInt8]] = [
      [], [0x0A], [0xFF], [0xEF, 0xBB, 0xBF, 0x7B, 0x7D], Array("{".utf8), Array("[]".utf8),
      Array("[[]]".utf8), Array("5".utf8), Array("{}".utf8), Array("[{}]".utf8),
      Array("{}{}".utf8), Array("\u{0}".utf8), Array(repeating: UInt8(ascii: "["), count: 10_000),
      Array(#"{"prompt": "\ud800"}"#.utf8), [0x22, 0xC3, 0x22], Array("nul".utf8),
    ]
    for bytes in broken { #expect(error(bytes, format).hasPrefix("f: ")) }
  }

  @Test("each message has the line and what is legal", arguments: lines)
  func places(format: SampleFile.Format) {
    #expect(error([], format) == "f: the file is empty; it needs an object a line")
    #expect(error(Array("{}".utf8), format).hasPrefix("f: line 1: the key '"))
    #expect(error(Array("[]".utf8), format) == "f: line 1: this is a list; it must be an object")
    #expect(error(Array("{]".utf8), format).hasPrefix("f: line 1, column 2: "))
    #expect(error([0x20, 0x0A], format).hasPrefix("f: line 1: the line is empty"))
    let long = [UInt8](repeating: 0x61, count: SampleRecord.longestLine + 1)
    #expect(error(long, format) == "f: line 1: the line has 16777217 bytes; it may have 16777216")
  }

  @Test("a later line is named")
  func later() {
    let good = #"{"prompt": "p", "type": "t", "length": 1}"#
    let bad = good.replacing(#"1}"#, with: #""1"}"#)
    #expect(
      error(Array("\(good)\r\n\(good)\n\(bad)\n".utf8), .longWriter)
        == #"f: line 3: 'length' is "1"; it must be a whole number in 1...1000000"#)
    #expect(
      error(Array("\(good)\n\n\(good)".utf8), .longWriter).hasPrefix("f: line 2: the line is"))
    #expect(error(Array("\(good)\n\(good)".utf8), .longWriter) == "none")
    let bytes = Array("\(good)\n".utf8) + [0x22, 0xFF, 0x22]
    #expect(error(bytes, .longWriter).hasPrefix("f: line 2, column 2: "))
  }

  @Test(
    "values of the wrong kind",
    arguments: [
      (#"{"context": 1, "question": "q", "answers": ["a"]}"#, "'context' is 1; it must be a text"),
      (#"{"context": "", "question": "", "answers": ["a"]}"#, "'question' is \"\"; it must be"),
      (
        #"{"context": "", "question": "q", "answers": "a"}"#,
        "'answers' is \"a\"; it must be a list"
      ),
      (#"{"context": "", "question": "q", "answers": []}"#, "'answers' is []; it must be a list"),
      (#"{"context": "", "question": "q", "answers": [""]}"#, "'answers' is [\"\"]; it must be"),
      (#"{"context": "", "question": "q", "answers": [null]}"#, "'answers' is [null]; it must be"),
      (#"{"context": "", "question": "q"}"#, "the key 'answers' is missing; an object needs"),
      (#"{"context": "", "question": "q", "answers": ["a"], "m": 1}"#, "the key 'm' is unknown"),
      (
        #"{"context": "", "question": "q", "answers": ["a"], "metric": "bleu"}"#,
        "there is no metric 'bleu'; there are match-all, match-any, exact, f1"
      ),
      (
        #"{"context": "", "question": "q", "answers": ["a"], "metric": "classification"}"#,
        "an answer of a classification must be one of its classes"
      ),
      (
        #"{"context": "", "question": "q", "answers": ["3"], "metric": "retrieval"}"#,
        "an answer of a retrieval must be 'Paragraph' and a number"
      ),
      (
        #"{"context": "", "question": "q", "answers": ["x"], "metric": "count"}"#,
        "an answer of a count must be a number"
      ),
      (
        #"{"context": "", "question": "q", "answers": ["x"], "maxTokens": 0}"#,
        "'maxTokens' is 0; it must be a whole number in 1...4194304"
      ),
      (
        #"{"context": "", "question": "q", "answers": ["x"], "maxTokens": 1e300}"#, "'maxTokens' is"
      ),
    ])
  func values(line: String, message: String) {
    #expect(error(Array(line.utf8), .plain).hasPrefix("f: line 1: \(message)"))
  }

  @Test("an answer without end is refused")
  func longAnswer() {
    let answer = String(repeating: "a", count: SampleRecord.longestAnswer + 1)
    let line = #"{"context": "", "question": "q", "answers": ["\#(answer)"]}"#
    #expect(error(Array(line.utf8), .plain).contains("a list of 1...1000 texts of 1...65536 bytes"))
  }

  @Test(
    "LongGenBench's items",
    arguments: [
      (#""number": 4"#, #""number": 0"#, "'number' is 0; it must be a whole number in 1...10000"),
      (##""prefix": "#*# Floor 1:""##, #""prefix": "Floor""#, "'prefix' is \"Floor\"; it must be"),
      (#"{"2": "x"}"#, #"{"two": "x"}"#, "'checks_once' is {\"two\":\"x\"}; it must be an object"),
      (#"{"2": "x"}"#, #"{"+2": "x"}"#, "'checks_once' is"),
      (#"{"2": "x"}"#, #"{"02": "x"}"#, ""),
      (#"{"2": "x"}"#, #"{"-2": "x"}"#, "'checks_once' is"),
      (#"{"2": "x"}"#, #"{"2": 5}"#, "'checks_once' is"),
      (#"{"2": "x"}"#, "[]", "'checks_once' is []; it must be an object"),
      (#""type": "Floor""#, #""type": """#, "'type' is \"\"; it must be a text that is not empty"),
      (#""prompt": "p", "#, "", "the key 'prompt' is missing"),
    ])
  func longGenBench(right: String, wrong: String, message: String) {
    let item = ##"""
      [{"prompt": "p", "checks_once": {"2": "x"}, "checks_range": {}, "checks_periodic": {}, "type": "Floor", "prefix": "#*# Floor 1:", "number": 4}]
      """##
    #expect(error(Array(item.utf8), .longGenBench) == "none")
    let broken = item.replacing(right, with: wrong)
    let expected = message.isEmpty ? "none" : "f: item 1: \(message)"
    #expect(error(Array(broken.utf8), .longGenBench).hasPrefix(expected))
    #expect(error(Array("{}".utf8), .longGenBench).contains("a list of at least one object"))
  }

  @Test("LongBench's and RULER's lines")
  func others() {
    let line =
      #"{"input": "", "context": "", "answers": ["a"], "length": 1, "dataset": "D", "all_classes": null}"#
    #expect(
      error(Array(line.utf8), .longBench).hasPrefix(
        "f: line 1: there is no rule for the data set 'D'; there are 2wikimqa, gov_report"))
    let trec = line.replacing(#""D""#, with: #""trec""#)
    #expect(error(Array(trec.utf8), .longBench).contains("must be one of its classes"))
    let classes = trec.replacing("null", with: "5")
    #expect(
      error(Array(classes.utf8), .longBench).contains("'all_classes' is 5; it must be a list"))
    let ruler = #"{"index": 0, "input": "", "outputs": ["a"], "length": 1}"#
    #expect(error(Array(ruler.utf8), .ruler).contains("'input' is \"\"; it must be a text that"))
  }

  @Test("a metric is refused where the format has its own")
  func metric() {
    for format in [SampleFile.Format.longBench, .longGenBench, .longWriter] {
      #expect(throws: LongTaskError.self) {
        try SampleFile([], format: format, name: "f", metric: .f1)
      }
    }
  }
}
