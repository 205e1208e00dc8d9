import Foundation
import KVPolicyKit
import LongTasks
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

/// A workshop whose models `long` and `chat` have a token per byte and room for a text.
private func textWorkshop() throws -> Workshop {
  let workshop = try Workshop()
  try TinyModel.write(at: workshop.folder + "/long", hasTokenizer: true, context: 4096)
  try TinyModel.write(
    at: workshop.folder + "/chat", hasTokenizer: true, context: 4096,
    chatTemplate: """
      {% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + \
      message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}\
      {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
      """)
  return workshop
}

@Suite("Text tasks of sweeps")
struct TextTaskTests {
  private let workshop: Workshop

  init() throws { workshop = try textWorkshop() }

  private func model(_ name: String) throws -> SweepModel {
    SweepModel(
      name: name, source: name, files: try ModelFiles.open(workshop.folder + "/" + name))
  }

  /// The cells of a plan with these tasks, and their model.
  private func cells(
    _ tasks: String, _ members: String = #""lengths": [600], "documents": 2"#,
    model name: String = "long", file: String = ""
  ) throws -> (cells: [PlannedCell], model: SweepModel) {
    let plan = try SweepPlan(
      parsing: #"""
        {"models": ["\#(name)"], "policies": [{"policy": "streamingllm", "sinks": 4, "recent": 60}],
         "tasks": [\#(tasks)], \#(members)}
        """#
    ) { SweepText(file: $0, text: file) }
    let model = try model(name)
    return (try plan.cells([model], registry: .all), model)
  }

  private func sample(
    _ task: String, _ number: Int = 0, length: Int = 600, model name: String = "long"
  ) throws -> TextSample {
    let (cells, model) = try cells(
      task, #""lengths": [\#(length)], "documents": 1"#, model: name)
    let task = try #require(cells[0].task as? TextTask)
    return try task.sample(number, length: length, seed: 0, for: model)
  }

  /// The measurements of a plan's first document under its two policies: full attention first.
  private func measured(
    _ task: String, length: Int = 600, file: String = ""
  ) throws -> [SweepDocument] {
    let (cells, model) = try cells(
      task, #""lengths": [\#(length)], "documents": 1"#, file: file)
    let sweep = Sweep([model], registry: .all, options: SweepOptions())
    let engine = try sweep.engine(of: model)
    return try cells.map { cell in
      try cell.task.measure(
        0, of: cell.cell, for: model, under: [cell.configuration], on: engine)[0].document
    }
  }

  @Test("are named in plans, with their settings and conditions")
  func plans() throws {
    let (cells, _) = try cells(
      """
      "needle", {"task": "needle", "depth": 50, "questionVisible": false}, "single-1", "variables",
      {"task": "diary", "lengths": [3500], "response": "forced"},
      {"task": "length", "chat": false},
      {"task": "file", "path": "f", "format": "ruler", "metric": "match-any"}
      """, #""lengths": [2000], "documents": 1"#,
      file: #"{"index": 0, "input": "a\nb?", "outputs": ["c"], "length": 5}"#)
    let full = stride(from: 0, to: cells.count, by: 2).map { cells[$0].cell }
    #expect(
      full.map(\.task.name)
        == ["needle", "needle", "single-1", "variables", "diary", "length", "file"])
    let standard: JSONValue = ["chat": true, "response": "written", "questionVisible": true]
    #expect(full[0].task.settings == standard && full[3].task.settings == standard)
    #expect(
      full[1].task.settings
        == ["chat": true, "response": "written", "questionVisible": false, "depth": 50])
    #expect(full[5].task.settings == ["chat": false, "response": "written"])
    let text = SweepText(
      file: "f", text: #"{"index": 0, "input": "a\nb?", "outputs": ["c"], "length": 5}"#)
    #expect(
      full[6].task.settings == [
        "chat": true, "response": "written", "questionVisible": true, "format": "ruler",
        "metric": "match-any", "path": text.value,
      ])
    #expect(full.map(\.protocol.questionSeen) == [.yes, .no, .yes, .yes, .yes, .none, .yes])
    #expect(full.map(\.protocol.answerPrefix) == [true, true, true, true, true, false, true])
    #expect(full[4].protocol.sampling == .forced && full[0].protocol.sampling == .greedy)
    #expect(full[4].task.score == "wordProbability" && full[0].task.score == "value")
    #expect(full[0].protocol.firstToken == .unpruned && full[1].protocol.firstToken == .chunked)
  }

  @Test("fill a length and do not exceed it")
  func sizes() throws {
    for task in [#""needle""#, #""single-2""#, #"{"task": "multikey-2", "response": "forced"}"#] {
      for length in [900, 1000] {
        let sample = try sample(task, length: length, model: "chat")
        let total = sample.promptTokens + max(sample.responseTokens, sample.text.maxTokens)
        #expect(total <= length && total > length - 150, "\(task): \(total)")
      }
    }
    let (one, other) = (try sample(#""needle""#), try sample(#""needle""#))
    #expect(one.prompts == other.prompts)
  }

  @Test("are a turn of the chat template, unless a plan switches it off")
  func chat() throws {
    let sample = try sample(#""needle""#, model: "chat")
    let text = try sample.frame.tokenizer.decode(sample.prompts.flatMap { $0 })
    let template = try sample.frame.tokenizer.chatTemplate()
    let turn = template.render(
      [.user(sample.text.context + sample.text.question)], addGenerationPrompt: true)
    #expect(text == turn + sample.text.answerPrefix.dropFirst())
    let plain = try self.sample(#"{"task": "needle", "chat": false}"#, model: "chat")
    #expect(try plain.frame.tokenizer.decode(plain.prompts[0]) == plain.text.prompt)
    #expect(try self.sample(#""needle""#).prompts == plain.prompts, "a model without a template")
  }

  @Test("have the same tokens whether the question is visible or not")
  func hidden() throws {
    for model in ["long", "chat"] {
      let visible = try sample(#""needle""#, model: model)
      let hidden = try sample(#"{"task": "needle", "questionVisible": false}"#, model: model)
      #expect(visible.prompts.count == 1 && hidden.prompts.count == 2)
      #expect(visible.prompts == [hidden.prompts.flatMap { $0 }])
      let context = try hidden.frame.tokenizer.decode(hidden.prompts[0])
      #expect(context.hasSuffix(hidden.text.context))
    }
    let (seen, unseen) = (
      try measured(#""needle""#), try measured(#"{"task": "needle", "questionVisible": false}"#)
    )
    #expect(seen[0].cache.rowsLive == unseen[0].cache.rowsLive)
    #expect(seen[1].cache.rowsDropped > 0)
  }

  /// What the model writes greedily after a sample's prompt under full attention.
  private func written(_ sample: TextSample, _ limit: Int) throws -> [Int] {
    let model = LlamaModel(try model("long").files, threads: 1)
    let store = try PagedKVStore(shape: model.shape, configuration: StoreConfiguration())
    let session = try model.makeSession(PolicyConfiguration("full"), registry: .all, in: store)
    try session.prefill(sample.prompts.flatMap { $0 })
    var tokens: [Int] = []
    while tokens.count < limit {
      let token = Sampler.largest(session.logits)
      if token == TinyModel.byteVocabulary - 1 { break }
      tokens.append(token)
      try session.decode(token)
    }
    return tokens
  }

  private static func line(_ answer: String, context: String = "A lamp.") -> String {
    let object: JSONValue = [
      "context": .string(context), "question": "Where?", "answers": [.string(answer)],
      "maxTokens": 12,
    ]
    return object.text
  }

  @Test("score the text that the model writes")
  func scores() throws {
    let file = #"{"task": "file", "path": "f"}"#
    // Contexts, because the model ends at once after some.
    var spoken = 0
    for context in ["A lamp.", "The attic.", "0123", "blue and green", "x = y"] {
      func scores(_ answer: String) throws -> SweepDocument {
        try measured(file, length: 200, file: Self.line(answer, context: context))[0]
      }
      let (cells, model) = try cells(
        file, #""lengths": [200], "documents": 1"#, file: Self.line("x", context: context))
      let task = try #require(cells[0].task as? TextTask)
      let sample = try task.sample(0, length: 200, seed: 0, for: model)
      let tokens = try written(sample, 12)
      let text = try sample.frame.tokenizer.decode(tokens, skipSpecial: true)
      let wrong = try scores(text + "no such text")
      #expect(wrong.scores == ["value": SweepScore(sum: 0, count: 1)])
      #expect(wrong.decodeTokens == tokens.count && wrong.depth == nil)
      #expect(wrong.cache.tokens == sample.promptTokens + tokens.count)
      guard !text.isEmpty else { continue }
      #expect(try scores(String(text.prefix(3))).scores["value"] == SweepScore(sum: 1, count: 1))
      spoken += 1
    }
    #expect(spoken > 0)
  }

  @Test("have the depth, the measures and both denominators in each document")
  func documents() throws {
    let needle = try measured(#"{"task": "needle", "depth": 100}"#)
    #expect(Set(needle[0].scores.keys) == ["value", "facts"] && (needle[0].depth ?? 0) > 50)
    let list = try measured(#""diary""#, length: 3500)
    let names = Set(list[0].scores.keys)
    #expect(names.isSuperset(of: ["value", "completion", "once", "onceFound"]))
    #expect((list[0].scores["once"]?.count ?? 0) > 0 && list[0].scores["onceFound"]?.count == 0)
  }

  @Test("score the predictions of due words in the true response")
  func forced() throws {
    let task = #"{"task": "multivalue", "response": "forced"}"#
    let documents = try measured(task, length: 1200)
    let sample = try sample(task, length: 1200)
    let segments = try #require(sample.forced)
    #expect(
      try sample.frame.tokenizer.decode(segments.flatMap(\.tokens)) == sample.text.trueResponse)

    // Plainly, from the logits behind every token.
    let model = LlamaModel(try model("long").files, threads: 1)
    let store = try PagedKVStore(shape: model.shape, configuration: StoreConfiguration())
    let session = try model.makeSession(PolicyConfiguration("full"), registry: .all, in: store)
    try session.prefill(sample.prompts[0])
    var (firsts, words) = (0.0, 0.0)
    for segment in segments {
      var probability = 1.0
      for (index, token) in segment.tokens.enumerated() {
        let own = exp(-Distribution.surprise(of: token, under: session.logits))
        // The first token is the space before the word.
        if segment.due != nil, index == 1 { firsts += own }
        probability *= own
        try session.decode(token)
      }
      if segment.due != nil { words += probability }
    }
    let scores = documents[0].scores
    #expect(scores["wordProbability"]?.count == 4 && scores["answer"]?.count == 4)
    #expect(abs((scores["firstProbability"]?.sum ?? 0) - firsts) < 1e-12)
    #expect(abs((scores["wordProbability"]?.sum ?? 0) / words - 1) < 1e-9)
    #expect((scores["wordTop1"]?.sum ?? 9) <= (scores["firstTop1"]?.sum ?? 0))
    #expect(documents[1].scores != scores, "a policy that forgets predicts otherwise")
    for document in documents {
      #expect(document.stretches.count == 8 && document.stretches[7].to == document.decodeTokens)
      let counts = document.stretches.map { $0.scores["wordTop1"]?.count ?? 0 }
      #expect(counts.reduce(0, +) == 4 && counts.count(where: { $0 > 0 }) > 1)
    }
  }

  @Test(
    "that cannot be run are refused with the reason",
    arguments: [
      (#""needel""#, "did you mean 'needle'?"), (#""single-9""#, "there are copy"),
      (#"{"task": "needle", "depth": 101}"#, "a number from 0.0 to 100.0"),
      (#"{"task": "needle", "depth": "deep"}"#, "a number from 0.0 to 100.0"),
      (#"{"task": "single-1", "depth": 50}"#, "no member 'depth'"),
      (#"{"task": "needle", "chat": 1}"#, "must be true or false"),
      (#"{"task": "needle", "response": "sung"}"#, "one of \"written\", \"forced\""),
      (#"{"task": "length", "questionVisible": false}"#, "no question apart"),
      (#"{"task": "length", "response": "forced"}"#, "does not know the true response"),
      (#"{"task": "needle", "lengths": [100]}"#, "cannot hold sample 0 of 'needle' for long"),
      (#"{"task": "needle", "lengths": [9000]}"#, "longer than the context"),
      (#"{"task": "file"}"#, "no 'path'"),
      (#"{"task": "file", "path": "f", "format": "xml"}"#, "one of \"plain\""),
      (#"{"task": "file", "path": "f", "metric": "judge"}"#, "one of \"match-all\""),
      (#"{"task": "file", "path": "f", "format": "ruler"}"#, "line 1: the key 'index' is missing"),
      (
        #"{"task": "file", "path": "f", "format": "longbench", "metric": "f1"}"#,
        "fixes the metric"
      ),
      (#"{"task": "file", "path": "f", "documents": 3}"#, "'f' has 1 samples"),
      (#"{"task": "file", "path": "f", "lengths": [30]}"#, "cannot hold sample 0 of 'file'"),
    ])
  func refused(_ task: String, _ reason: String) throws {
    #expect {
      try cells(task, #""lengths": [600], "documents": 1"#, file: Self.line("x"))
    } throws: { error in
      let isRight = error is SweepError && "\(error)".contains(reason)
      if !isRight { Issue.record("\(error)") }
      return isRight
    }
  }

  @Test("are refused for a model without a tokenizer")
  func plainModel() throws {
    #expect(throws: ModelError.self) {
      try cells(#""needle""#, #""lengths": [100], "documents": 1"#, model: "plain")
    }
  }
}

@Suite("kvpolicy sweep with text tasks")
struct TextSweepTests {
  private static func workshop() throws -> Workshop {
    let workshop = try textWorkshop()
    try workshop.write(
      "own.jsonl", #"{"context": "A lamp is here.", "question": "What is?", "answers": ["lamp"]}"#)
    try workshop.write(
      "plan.json",
      """
      {"models": ["long"], "policies": ["snapkv"], "budgets": [64], "lengths": [600],
       "documents": 2, "tasks": ["needle", {"task": "single-1", "response": "forced"},
         {"task": "needle", "depth": 50, "questionVisible": false},
         {"task": "file", "path": "own.jsonl", "documents": 1}]}
      """)
    return workshop
  }

  private func sweep(_ workshop: Workshop, _ out: String, jobs: Int) -> Outcome {
    workshop.run(["sweep", "@/plan.json", "--out", "@/\(out)", "--jobs", "\(jobs)"])
  }

  @Test("gives the same numbers with every number of jobs, and a second time")
  func again() throws {
    let workshop = try Self.workshop()
    let outcome = sweep(workshop, "r.jsonl", jobs: 1)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(sweep(workshop, "s.jsonl", jobs: 2).status == 0)
    let numbers = try SweepCommandTests.numbers(workshop.read("r.jsonl"))
    #expect(numbers.count == 8)
    #expect(try numbers == SweepCommandTests.numbers(workshop.read("s.jsonl")))
    for row in 1...8 {
      let again = workshop.run(["rerun", "@/r.jsonl#\(row)"])
      #expect(
        again.status == 0 && again.output.contains("numbers are the same"), "\(again.errors)")
    }
    let csv = workshop.run(["merge", "@/r.jsonl", "--out", "-", "--csv", "@/r.csv"])
    #expect(csv.status == 0, "\(csv.errors)")
    #expect(try workshop.read("r.csv").contains(",document,depth,score,"))
    try workshop.write("own.jsonl", #"{"context": "A", "question": "B", "answers": ["C"]}"#)
    let changed = workshop.run(["rerun", "@/r.jsonl#8"])
    #expect(changed.status == 1 && changed.errors.contains("has changed"), "\(changed.errors)")
  }

  @Test("refuses a file that cannot be read, and an output that is this file")
  func files() throws {
    let workshop = try Self.workshop()
    let own = try workshop.read("own.jsonl")
    let same = sweep(workshop, "own.jsonl", jobs: 1)
    #expect(same.status != 0 && same.errors.contains("is an input"), "\(same.errors)")
    #expect(try workshop.read("own.jsonl") == own)
    try workshop.write("own.jsonl", "{")
    let broken = sweep(workshop, "r.jsonl", jobs: 1)
    #expect(broken.status == 1 && broken.errors.contains("own.jsonl: line 1"), "\(broken.errors)")
    try FileManager.default.removeItem(atPath: workshop.folder + "/own.jsonl")
    let missing = sweep(workshop, "r.jsonl", jobs: 1)
    #expect(missing.status == 1 && missing.errors.contains("cannot read"), "\(missing.errors)")
    #expect(!workshop.names.contains("r.jsonl"))
  }
}
