import BundledModel
import Foundation
import KVPolicyKit
import MiniTasks
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

@Suite("Sweeps")
struct SweepTests {
  private static let bundled = Result {
    SweepModel(name: "bundled", source: "bundled", files: try BundledModel.open())
  }

  private func plan(_ members: String) throws -> SweepPlan {
    try SweepPlan(parsing: "{\"models\": [\"bundled\"], \(members)}") { path in
      SweepText(file: path, text: String(repeating: "item 1 holds apple . \n", count: 40))
    }
  }

  private func cells(
    _ members: String, registry: PolicyRegistry = .all
  ) throws -> [PlannedCell] {
    try plan(members).cells([Self.bundled.get()], registry: registry)
  }

  private func records(
    _ members: String, jobs: Int = 1, reversed: Bool = false, registry: PolicyRegistry = .all
  ) throws -> [SweepRecord] {
    let plan = try plan(members)
    let models = [try Self.bundled.get()]
    var sweep = Sweep(models, registry: registry, options: plan.options)
    (sweep.jobs, sweep.version, sweep.build) = (jobs, "1", "test")
    var records: [SweepRecord] = []
    let cells = try plan.cells(models, registry: registry)
    try sweep.run(reversed ? cells.reversed() : cells) { records.append($0) }
    return records.sorted { $0.origin.place < $1.origin.place }
  }

  private static let small = """
    "policies": ["streamingllm", {"policy": "h2o", "heavy": 8, "recent": 8, "label": "own"}],
    "budgets": ["1/4", 20], "tasks": ["questions", {"task": "copy", "lengths": [40]}],
    "lengths": [96], "seeds": [0, 3], "documents": 2
    """

  @Test("a configuration takes the budgets unless it states what a budget decides")
  func configurationsWithBudgets() throws {
    let cells = try cells(
      #"""
      "tasks": ["copy"], "lengths": [64], "documents": 1, "budgets": [8, "64KiB"], "policies": [
      {"policy": "morphkv", "votes": "exact", "window": 2, "label": "open"},
      {"policy": "morphkv", "capacity": 8, "label": "closed"},
      {"policy": "composed", "budget": {"kind": "pyramid"}, "label": "part"},
      {"policy": "morphkv", "layers": {"0": {"policy": "full"}}, "label": "layered"}]
      """#
    ).map(\.cell)
    func budgets(_ label: String) -> [String?] {
      cells.filter { $0.policy.label == label }.map(\.budget.asked)
    }
    #expect(budgets("open") == ["8", "64KiB"] && budgets("part") == ["8", "64KiB"])
    #expect(budgets("closed") == [nil] && budgets("layered") == [nil])
    let open = try #require(cells.first { $0.policy.label == "open" })
    let own: JSONValue = ["policy": "morphkv", "votes": "exact", "window": 2, "capacity": 8]
    #expect(open.policy.configuration == own)
    #expect(open.policy.takesBudget == true && open.budget.rows == 8)
  }

  @Test("a plan's cells: full attention first, budgets only where they are taken")
  func order() throws {
    let cells = try cells(Self.small)
    let words = cells.map { "\($0.cell.policy.label) \($0.cell.budget.asked ?? "-")" }
    let policies = ["full -", "streamingllm 1/4", "streamingllm 20", "own -"]
    #expect(words == [policies, policies, policies, policies].flatMap { $0 })
    #expect(
      cells.map(\.cell.task.name) == Array(repeating: "questions", count: 8)
        + Array(repeating: "copy", count: 8))
    #expect(cells.map(\.cell.seed) == [0, 0, 0, 0, 3, 3, 3, 3, 0, 0, 0, 0, 3, 3, 3, 3])
    #expect(cells[1].cell.budget.rows == 24 && cells[9].cell.budget.rows == 10)
    #expect(cells.map(\.place) == Array(0..<16))
    #expect(Set(cells.map(\.id)).count == 16 && cells.allSatisfy { $0.id.count == 16 })
    #expect(cells[3].cell.policy.takesBudget == nil && cells[0].cell.policy.takesBudget == false)
  }

  /// A plan that reads a text.
  private static func reading(_ settings: String) -> String {
    """
    "policies": ["full"], "tasks": [{"task": "language", \(settings)}], "lengths": [32],
    "documents": 1
    """
  }

  @Test("a cell's id does not depend on names and places")
  func identity() throws {
    let cells = try cells(Self.small)
    var cell = cells[1].cell
    (cell.model.name, cell.model.source, cell.policy.label) = ("other", "/else", "x")
    #expect(cell.id == cells[1].id)
    cell.model.content = "0"
    #expect(cell.id != cells[1].id)
    cell = cells[1].cell
    cell.documents = 3
    #expect(cell.id != cells[1].id)
    let text = try self.cells(
      Self.reading(#""text": "a""#)
    )
    let moved = try self.cells(
      Self.reading(#""text": "b""#)
    )
    #expect(text[0].id == moved[0].id && text[0].cell != moved[0].cell)
    let shorter = try self.cells(
      Self.reading(#""text": "a", "prompt": 4"#)
    )
    #expect(shorter[0].id != text[0].id)
  }

  @Test("numbers depend on neither jobs nor order")
  func jobs() throws {
    let one = try records(Self.small)
    let other = try records(Self.small, jobs: 3, reversed: true)
    #expect(one.count == 16)
    #expect(one.map(\.documents) == other.map(\.documents))
    #expect(one.map(\.sums) == other.map(\.sums))
    #expect(one.allSatisfy { $0.documents.map(\.number) == [0, 1] })
    #expect(one[0].documents != one[4].documents, "another seed has other documents")
  }

  @Test("a document's measurements are those of the tasks")
  func sameAsTasks() throws {
    var comparison = try TaskComparison(BundledModel.open(), registry: .all)
    (comparison.documents, comparison.kind, comparison.documentTokens) = (2, .questions, 96)
    (comparison.seed, comparison.threads) = (3, 1)
    let configuration = PolicyConfiguration(
      "streamingllm", try StreamingLLM.settings(budget: .rows(24)) ?? [:])
    let report = try comparison.run([.init(configuration, budget: 24)])
    let record = try #require(
      try records(Self.small).first {
        $0.cell.seed == 3 && $0.cell.budget.asked == "1/4" && $0.cell.task.name == "questions"
      })
    let measured = report.policies[1]
    #expect(
      record.sums.scores["all"]
        == SweepScore(sum: Double(measured.all.hits), count: measured.all.checks))
    #expect(record.sums.rowsPerLane == measured.rowsPerLaneMean)
    #expect(record.sums.footprint == measured.footprint)
    #expect(record.documents.map(\.cache.residentBytes) == measured.documents.map(\.residentBytes))
    let stretches = record.documents[0].stretches
    #expect(stretches.first?.from == 0)
    #expect(
      stretches.reduce(0) { $0 + ($1.scores["all"]?.count ?? 0) }
        == record.documents[0].scores["all"]?.count)
  }

  @Test("a measured footprint is that of the closed form")
  func footprint() throws {
    for record in try records(Self.small) where record.cell.policy.label == "streamingllm" {
      for document in record.documents {
        let form = FootprintForm.constant(
          prompt: document.promptTokens, decode: document.decodeTokens,
          rows: try #require(record.cell.budget.rows))
        #expect(abs(document.cache.footprint - form.footprint) < 1e-12)
        #expect(abs(document.cache.peakFootprint - form.peak) < 1e-12)
      }
    }
  }

  private static let language = """
    "policies": ["snapkv", {"policy": "h2o", "heavy": 100, "recent": 100, "label": "roomy"},
    {"policy": "tova", "capacity": 8}], "budgets": ["1/2"],
    "tasks": [{"task": "language", "text": "t", "prompt": 24}], "lengths": [64], "documents": 2,
    "seeds": [1, 2]
    """

  @Test("a text has one cell for all seeds, and what keeps everything is full attention")
  func language() throws {
    let records = try records(Self.language)
    #expect(records.map(\.cell.policy.label) == ["full", "snapkv", "roomy", "tova"])
    let (full, roomy, tova) = (records[0], records[2], records[3])
    #expect(full.sums.scores == roomy.sums.scores)
    #expect(full.sums.scores["divergence"] == SweepScore(sum: 0, count: 80))
    #expect(full.sums.scores["top1"] == SweepScore(sum: 80, count: 80))
    #expect((tova.sums.scores["divergence"]?.sum ?? 0) > 0)
    #expect((tova.sums.scores["top1"]?.sum ?? 81) <= (tova.sums.scores["top5"]?.sum ?? 0))
    let stretches = tova.documents[1].stretches
    #expect(stretches.count == 16 && stretches[0].from == 24 && stretches[15].to == 64)
    #expect(full.cell.protocol.sampling == .forced && full.cell.protocol.questionSeen == .none)
  }

  @Test("perplexity and divergence of a text are those of a comparison")
  func sameAsComparison() throws {
    let model = try Self.bundled.get()
    let tokens = try model.tokens(
      of: SweepText(file: "t", text: String(repeating: "item 1 holds apple . \n", count: 40)))
    var comparison = Comparison(model: LlamaModel(model.files, threads: 1), registry: .all)
    (comparison.promptTokens, comparison.decodeTokens) = (24, 40)
    let report = try comparison.run(
      [.init(PolicyConfiguration("tova", ["capacity": 8]))], tokens: Array(tokens.prefix(64)))
    let record = try records(Self.language)[3]
    let nats = try #require(record.documents[0].scores["nats"])
    // In nats: the perplexity of eight rows is so large that its last digits are rounding.
    #expect(abs(nats.mean - log(report.policies[0].perplexity)) < 1e-12)
    #expect(record.documents[0].cache.footprint == report.policies[0].footprint)
    // A comparison compares after every step, a sweep before it: the sums share all but the ends.
    #expect(
      abs((record.documents[0].scores["divergence"]?.mean ?? 0) - report.policies[0].meanDivergence)
        < 1)
  }

  @Test("measuring texts together changes no number")
  func together() throws {
    let all = try records(Self.language)
    let alone = try records(Self.language.replacingOccurrences(of: #""snapkv", "#, with: ""))
    #expect(all[3].documents == alone[2].documents)
  }

  @Test("a record is read as it was written")
  func lines() throws {
    for record in try records(Self.small).prefix(4) {
      let text = String(try record.line().dropLast())
      #expect(!text.contains("\n"))
      let line = try SweepLine(text, place: "here")
      #expect(line.record == record)
      #expect(line.differences(from: line).isEmpty)
    }
  }

  @Test("conditions follow from policy and task")
  func conditions() throws {
    let cells = try cells(
      """
      "policies": ["snapkv",
        {"policy": "streamingllm", "recent": 12, "chunk": 16, "lastPromptToken": "decode"}],
      "budgets": ["64KiB"], "tasks": ["questions", "dialogue"], "lengths": [256],
      "documents": 1, "options": {"chunk": 64, "rows": "f32", "pageRows": 8}
      """
    )
    let (full, snapKV, streaming) = (
      cells[0].cell.protocol, cells[1].cell.protocol, cells[2].cell.protocol
    )
    #expect(full.budgetKind == .none && full.windowInBudget == nil && full.chunk == 64)
    #expect(snapKV.budgetKind == .bytes && snapKV.windowInBudget == true)
    #expect(snapKV.firstToken == .unpruned && streaming.firstToken == .pruned)
    #expect(streaming.chunk == 16 && streaming.budgetKind == .own)
    #expect(full.questionSeen == .yes && cells[3].cell.protocol.questionSeen == .first)
    #expect(cells[1].cell.options.rowFormat == .f32 && cells[1].cell.options.pageRows == 8)
  }
}

@Suite("Sweep plans that cannot be run")
struct SweepPlanTests {
  /// A plan that can be run.
  private static let good: [String: JSONValue] = [
    "models": ["bundled"], "policies": ["full"], "tasks": ["copy"], "lengths": [40],
    "documents": 1,
  ]

  private func cells(_ text: String) throws -> [PlannedCell] {
    let plan = try SweepPlan(parsing: text) { SweepText(file: $0, text: "item 1 . \n") }
    let model = SweepModel(name: "bundled", source: "bundled", files: try BundledModel.open())
    return try plan.cells([model], registry: .all)
  }

  @Test(
    "are refused with the reason",
    arguments: [
      (#"{"models": null}"#, "must be a list of one or more models"),
      (#"{"models": []}"#, "must be a list of one or more models"),
      (#"{"models": ["bundled", "bundled"]}"#, "'bundled' twice"),
      (#"{"policies": []}"#, "one or more policies"),
      (#"{"policies": [3]}"#, "a policy's name or a configuration"),
      (#"{"policies": [{"heavy": 3}]}"#, "no \"policy\""),
      (#"{"policies": [{"policy": "h2o", "label": 1}]}"#, "'label' of 'policies[0]'"),
      (#"{"policies": ["h2o", {"policy": "h2o"}], "budgets": [8]}"#, "called 'h2o'"),
      (#"{"policies": ["h2o"]}"#, "no 'budgets'"),
      (#"{"policies": ["nosuch"], "budgets": [8]}"#, "no policy 'nosuch'"),
      (#"{"policies": [{"policy": "h2o", "hevy": 4}]}"#, "no setting 'hevy'"),
      (#"{"policies": ["duoattention"], "budgets": [8]}"#, "needs"),
      (#"{"policies": ["morphkv"], "budgets": ["1/64"]}"#, "less than a row"),
      (#"{"policies": ["h2o"], "budgets": ["1B"]}"#, "too small"),
      (
        #"{"policies": [{"policy": "h2o", "label": "a"}, {"policy": "h2o", "label": "b"}]}"#,
        "two cells are the same"
      ),
      (#"{"budgets": ["x"]}"#, "cannot be 'x'"),
      (#"{"budgets": ["2/8", "1/4"]}"#, "1/4 twice"),
      (#"{"budgets": [1.5]}"#, "must be a number"),
      (#"{"polices": 1}"#, "no member 'polices' (did you mean 'policies'?)"),
      (#"{"options": {"rows": "f8"}}"#, "one of"),
      (#"{"options": {"pageRows": 5}}"#, "4, 8, 16"),
      (#"{"options": {"chunk": 0}}"#, "from 1 to"),
      (#"{"options": {"threads": 2}}"#, "no member 'threads'"),
      (#"{"tasks": []}"#, "one or more tasks"),
      (#"{"tasks": ["recal"]}"#, "there are copy"),
      (#"{"tasks": [{"task": "copy", "x": 1}]}"#, "no member 'x'"),
      (#"{"tasks": [{"task": "copy", "documents": 0}]}"#, "from 1 to"),
      (#"{"tasks": ["copy", "copy"]}"#, "two cells are the same"),
      (#"{"tasks": [{"task": "language", "prompt": "64B"}]}"#, "a number of tokens"),
      (#"{"tasks": [{"task": "language", "prompt": 40}]}"#, "nothing to predict"),
      (#"{"tasks": ["language"], "documents": 60000}"#, "need more"),
      (#"{"lengths": null}"#, "no 'lengths'"),
      (#"{"lengths": [40, 40]}"#, "40 twice"),
      (#"{"lengths": [8]}"#, "24"),
      (#"{"lengths": [1000000]}"#, "longer than the context"),
      (#"{"documents": 0}"#, "from 1 to"),
      (#"{"documents": 1e300}"#, "from 1 to"),
      (#"{"seeds": [-1]}"#, "from 0 to"),
      (#"{"seeds": [70000]}"#, "has seeds from 0"),
    ])
  func refused(_ change: String, _ reason: String) throws {
    guard case .object(let members) = try JSONValue.parse(change) else { return }
    let plan = JSONValue.object(Self.good.merging(members) { $1 })
    #expect {
      try cells(plan.text)
    } throws: { error in
      let isRight = "\(error)".contains(reason)
      if !isRight { Issue.record("\(error)") }
      return isRight
    }
  }

  @Test("are refused if they are no objects", arguments: ["", "{", "[]", "{\"models\": 1}{"])
  func malformed(_ text: String) {
    #expect(throws: SweepError.self) { try cells(text) }
  }

  @Test("'all' stands for every policy that needs no artifact")
  func all() throws {
    let plan = Self.good.merging(["policies": ["all"], "budgets": [24]]) { $1 }
    let names = try cells(JSONValue.object(plan).text).map(\.cell.policy.label)
    #expect(names.first == "full" && names.contains("quest") && !names.contains("duoattention"))
    #expect(Set(names).count == names.count)
  }
}

@Suite("Results of sweeps")
struct SweepMergeTests {
  /// A record that nothing measured.
  private func record(
    seed: Int, place: Int, hits: Double = 1, version: String = "1", host: String = "a"
  ) throws -> SweepRecord {
    let model = SweepModel(name: "bundled", source: "bundled", files: try BundledModel.open())
    let plan = try SweepPlan(
      parsing: """
        {"models": ["bundled"], "policies": ["full"], "tasks": ["copy"], "lengths": [40],
        "seeds": [\(seed)], "documents": 1}
        """
    ) { SweepText(file: $0) }
    let cell = try plan.cells([model], registry: .all)[0]
    let engine = try Sweep([model], registry: .all, options: plan.options).engine(of: model)
    var document = try cell.task.measure(
      0, of: cell.cell, for: model, under: [cell.configuration], on: engine)[0].document
    document.scores = ["all": SweepScore(sum: hits, count: 2)]
    return SweepRecord(
      id: cell.id, cell: cell.cell, documents: [document],
      sums: SweepSums([document], of: cell.cell),
      origin: .init(
        version: version, build: "b", host: host, threads: 1, jobs: 1, place: place),
      times: SweepTimes([], of: [document]))
  }

  private func line(_ record: SweepRecord, _ place: String) throws -> SweepLine {
    try SweepLine(String(try record.line().dropLast()), place: place)
  }

  @Test("are merged in the order of their plan, each cell once")
  func order() throws {
    let (one, two) = (try record(seed: 1, place: 1), try record(seed: 0, place: 0))
    let again = try record(seed: 1, place: 1, host: "b")
    let merged = try SweepMerge.merged([line(one, "a"), line(two, "b"), line(again, "c")])
    #expect(merged.map(\.place) == ["b", "a"])
    let csv = SweepTable.csv(merged.map(\.record)).split(separator: "\n")
    #expect(csv.count == 3 && csv[0].hasPrefix("id,model,task,length,seed,policy,configuration,"))
    #expect(csv[0].contains(",allSum,allCount,promptTokens,") && csv[1].contains(",1.0,2,"))
  }

  @Test("that contradict each other, or are of two versions, are refused")
  func conflicts() throws {
    let one = try line(record(seed: 1, place: 1), "a, line 1")
    let other = try line(record(seed: 1, place: 1, hits: 2), "b, line 1")
    #expect {
      try SweepMerge.merged([one, other])
    } throws: { error in
      "\(error)".contains("b, line 1 and a, line 1 have the same cell, full, copy")
        && "\(error)".contains("documents[0].scores.all.sum is 2 and 1")
    }
    let newer = try line(record(seed: 2, place: 1, version: "2"), "c")
    #expect {
      try SweepMerge.merged([one, newer])
    } throws: { "\($0)".contains("a, line 1 is of version 1, and c of 2") }
  }

  @Test("of another schema, of another kind or changed by hand are refused")
  func strangers() throws {
    let text = String(try record(seed: 1, place: 1).line().dropLast())
    for (broken, reason) in [
      (text.replacingOccurrences(of: #""schema":1"#, with: #""schema":2"#), "has schema 2"),
      ("{}", "no record of a sweep"), ("[1]", "no record"), ("{", "not valid JSON"),
      (text.replacingOccurrences(of: #""seed":1"#, with: #""seed":2"#), "changed by hand"),
      (text.replacingOccurrences(of: #""seed":1"#, with: #""seed":"x""#), "cell.seed"),
      (String(text.dropLast(20)), "not valid JSON"),
    ] {
      #expect {
        try SweepLine(broken, place: "f, line 9")
      } throws: { error in
        "\(error)".contains(reason) && "\(error)".hasPrefix("f, line 9: ")
      }
    }
  }
}
