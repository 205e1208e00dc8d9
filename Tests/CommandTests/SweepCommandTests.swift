import Evaluation
import Foundation
import KVPolicyKit
import Testing

@testable import KVPolicyCommand

@Suite("kvpolicy sweep, merge and rerun")
struct SweepCommandTests {
  /// A workshop with a plan of eight cells: a text under four policies, at two lengths.
  static func workshop() throws -> Workshop {
    let workshop = try Workshop()
    try workshop.write("text.txt", String(repeating: "abcd efgh ", count: 40))
    try workshop.write(
      "plan.json",
      """
      {"models": ["bytes"], "policies": ["streamingllm", "tova"], "budgets": [12],
       "tasks": [{"task": "language", "text": "text.txt", "prompt": 16}, {"task": "language",
         "text": "text.txt", "prompt": "1/2"}], "lengths": [32, 48], "documents": 3}
      """)
    return workshop
  }

  private func sweep(_ workshop: Workshop, _ out: String, _ more: String...) -> Outcome {
    workshop.run(["sweep", "@/plan.json", "--out", "@/\(out)", "--jobs", "1"] + more)
  }

  /// The records of a file by id, without what varies.
  static func numbers(_ text: String) throws -> [String: JSONValue] {
    var numbers: [String: JSONValue] = [:]
    for line in text.split(separator: "\n") {
      let line = try SweepLine(String(line), place: "")
      #expect(numbers.updateValue(line.numbers, forKey: line.record.id) == nil, "a cell twice")
    }
    return numbers
  }

  @Test("runs every cell once, and nothing the second time")
  func once() throws {
    let workshop = try Self.workshop()
    let outcome = sweep(workshop, "r.jsonl")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("12 cells run, 0 done before"))
    let text = try workshop.read("r.jsonl")
    #expect(try Self.numbers(text).count == 12)
    let again = sweep(workshop, "r.jsonl")
    #expect(again.output.hasPrefix("0 cells run, 12 done before"))
    #expect(try workshop.read("r.jsonl") == text)
  }

  @Test("a plan that has grown runs what is new")
  func grown() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "r.jsonl").status == 0)
    let plan = try workshop.read("plan.json")
    try workshop.write("plan.json", plan.replacing("[12]", with: "[12, 14]"))
    #expect(sweep(workshop, "r.jsonl").output.hasPrefix("8 cells run, 12 done before"))
  }

  @Test("a torn last line is cut off and run again, wherever it is torn")
  func torn() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "whole.jsonl").status == 0)
    let whole = try workshop.read("whole.jsonl")
    let bytes = Array(whole.utf8)
    for count in [0, 1, 700, bytes.count / 2, bytes.count - 1] {
      let url = URL(fileURLWithPath: workshop.folder + "/torn.jsonl")
      try Data(bytes[..<count]).write(to: url)
      let outcome = sweep(workshop, "torn.jsonl")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("was not finished") == (count > 0), "\(outcome.errors)")
      #expect(try Self.numbers(workshop.read("torn.jsonl")) == Self.numbers(whole))
    }
  }

  @Test("shards are merged to what one run gives")
  func shards() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "whole.jsonl").status == 0)
    for shard in 1...3 {
      #expect(sweep(workshop, "s\(shard).jsonl", "--shard", "\(shard)/3").status == 0)
    }
    let files = ["@/s3.jsonl", "@/s1.jsonl", "@/s2.jsonl", "@/s1.jsonl"]
    let merged = workshop.run(
      ["merge"] + files + ["--out", "@/merged.jsonl", "--csv", "@/merged.csv"])
    #expect(merged.status == 0, "\(merged.errors)")
    #expect(merged.output == "12 cells of 4 files, 4 repeated records left out\n")
    let places = try workshop.read("merged.jsonl").split(separator: "\n").map {
      try SweepLine(String($0), place: "").record.origin.place
    }
    #expect(places == Array(0..<12))
    #expect(
      try Self.numbers(workshop.read("merged.jsonl"))
        == Self.numbers(workshop.read("whole.jsonl")))
    #expect(try workshop.read("merged.csv").split(separator: "\n").count == 1 + 12 * 3)
    #expect(workshop.run(["merge", "@/s1.jsonl", "--out", "-"]).output.hasPrefix("{"))
  }

  @Test("a merge refuses contradictions, and an output that is an input")
  func contradictions() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "r.jsonl").status == 0)
    let text = try workshop.read("r.jsonl")
    try workshop.write("other.jsonl", text.replacing(#""number":0,"#, with: #""number":5,"#))
    let conflict = workshop.run(
      ["merge", "@/r.jsonl", "@/other.jsonl", "--out", "@/m.jsonl"])
    #expect(conflict.status == 1 && conflict.errors.contains("documents[0].number is 5 and 0"))
    #expect(!workshop.names.contains("m.jsonl"))
    for option in ["--out", "--csv"] {
      let same = workshop.run(["merge", "@/r.jsonl", "@/other.jsonl", option, "@/r.jsonl"])
      #expect(same.status == 2 && same.errors.contains("is an input"), "\(same.errors)")
    }
    #expect(try workshop.read("r.jsonl") == text)
    #expect(workshop.run(["merge", "@/r.jsonl"]).errors.contains("--out is missing"))
    #expect(workshop.run(["merge", "--out", "@/m"]).errors.contains("results are missing"))
    #expect(workshop.run(["merge", "@/plan.json", "--out", "@/m"]).status == 1)
  }

  @Test("a dry run lists the cells, says what is done, and writes nothing")
  func dry() throws {
    let workshop = try Self.workshop()
    let dry = workshop.run(["sweep", "@/plan.json", "--dry-run", "--out", "@/r.jsonl"])
    #expect(dry.status == 0 && dry.output.contains("12 cells, 12 to run"), "\(dry.errors)")
    #expect(!workshop.names.contains("r.jsonl"))
    #expect(sweep(workshop, "r.jsonl", "--shard", "1/2").status == 0)
    let later = workshop.run(["sweep", "@/plan.json", "--dry-run", "--out", "@/r.jsonl"])
    #expect(later.output.contains("12 cells, 6 to run") && later.output.contains("done"))
  }

  @Test("a dry run prints its cells as Markdown, CSV and lines of JSON, and the estimate as a note")
  func dryFormats() throws {
    let workshop = try Self.workshop()
    let plan = ["sweep", "@/plan.json", "--dry-run", "--format"]
    for (format, lines, first) in [
      ("csv", 13, "cell,id,policy,"), ("jsonl", 12, #"{"budget":null,"cell":0,"#),
      ("markdown", 14, "| cell | id | policy |"),
    ] {
      let dry = workshop.run(plan + [format])
      let rows = dry.output.split(separator: "\n")
      #expect(dry.status == 0 && rows.count == lines, "\(format): \(dry.output)")
      #expect(rows.first?.hasPrefix(first) == true, "\(dry.output)")
      #expect(dry.errors.contains("12 cells, 12 to run"))
    }
    let wrong = workshop.run(plan + ["xml"])
    #expect(wrong.status != 0 && wrong.errors.contains("xml") && wrong.errors.contains("jsonl"))
    let run = workshop.run(["sweep", "@/plan.json", "--out", "@/r.jsonl", "--format", "csv"])
    #expect(run.status != 0 && run.errors.contains("--format has no effect without --dry-run"))
  }

  @Test("a record that is run again has the same numbers")
  func rerun() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "r.jsonl").status == 0)
    let same = workshop.run(["rerun", "@/r.jsonl#2"])
    #expect(same.status == 0 && same.output.contains("numbers are the same"), "\(same.errors)")
    let text = try workshop.read("r.jsonl")
    let id = try #require(text.split(separator: "\n").last.map { String($0) })
    let last = try SweepLine(id, place: "").record.id
    #expect(workshop.run(["rerun", "@/r.jsonl#\(last)", "--jobs", "2"]).status == 0)

    try workshop.write("r.jsonl", text.replacing(#""number":1,"#, with: #""number":4,"#))
    let changed = workshop.run(["rerun", "@/r.jsonl#2"])
    #expect(changed.status == 1 && changed.errors.contains("1 of "), "\(changed.errors)")
    #expect(changed.output == "documents[1].number: recorded 4, now 1\n")
  }

  @Test("a cell is not run again on another model, or after its text has changed")
  func anotherModel() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "r.jsonl").status == 0)
    try TinyModel.write(at: workshop.folder + "/wide", hasTokenizer: true, surplus: 3)
    let other = workshop.run(["rerun", "@/r.jsonl#1", "--model", "@/wide"])
    #expect(other.status == 1 && other.errors.contains("another model"), "\(other.errors)")
    try workshop.write("text.txt", String(repeating: "abcd efgi ", count: 40))
    let text = workshop.run(["rerun", "@/r.jsonl#1"])
    #expect(text.status == 1 && text.errors.contains("has changed"), "\(text.errors)")
  }

  @Test(
    "what cannot be run is refused before a file is made",
    arguments: [
      (["sweep"], "a plan is missing"), (["sweep", "@/plan.json"], "--out is missing"),
      (["sweep", "@/none.json", "--out", "@/r.jsonl"], "cannot read"),
      (["sweep", "@/text.txt", "--out", "@/r.jsonl"], "text.txt: it is not valid JSON"),
      (["sweep", "@/plan.json", "--out", "-"], "cannot be '-'"),
      (["sweep", "@/plan.json", "--out", "@/plan.json"], "is an input"),
      (["sweep", "@/plan.json", "--out", "@/text.txt"], "is an input"),
      (["sweep", "@/plan.json", "--out", "@/bytes/config.json"], "is an input"),
      (["sweep", "@/plan.json", "--out", "@/bytes"], "cannot write"),
      (["sweep", "@/plan.json", "--out", "/dev/null"], "not a regular file"),
      (["sweep", "@/plan.json", "--out", "@/r.jsonl", "--jobs", "0"], "--jobs cannot be"),
      (["sweep", "@/plan.json", "--out", "@/r.jsonl", "--shard", "3/2"], "--shard cannot be"),
      (["sweep", "@/plan.json", "--out", "@/r.jsonl", "--shard", "0/2"], "--shard cannot be"),
      (["sweep", "@/plan.json", "--out", "@/r.jsonl", "--shard", "1"], "--shard cannot be"),
      (["rerun"], "name a record"), (["rerun", "@/r.jsonl"], "name a record"),
      (["rerun", "@/none.jsonl#1"], "cannot read"),
      (["rerun", "@/empty.jsonl#1"], "has no row '1'"),
    ])
  func refused(_ words: [String], _ reason: String) throws {
    let workshop = try Self.workshop()
    try workshop.write("empty.jsonl", "")
    let plan = try workshop.read("plan.json")
    let outcome = workshop.run(words)
    #expect(outcome.status != 0 && outcome.errors.contains(reason), "\(outcome.errors)")
    #expect(!workshop.names.contains("r.jsonl"))
    #expect(try workshop.read("plan.json") == plan)
  }

  @Test("results that are no records, or of another version, are not added to")
  func strangers() throws {
    let workshop = try Self.workshop()
    #expect(sweep(workshop, "r.jsonl").status == 0)
    let text = try workshop.read("r.jsonl")
    for (broken, reason) in [
      ("hello\n" + text, "line 1: it is not valid JSON"),
      (text.replacing(#""schema":1"#, with: #""schema":9"#), "line 1: the record has schema 9"),
      (
        text.replacing(#""version":"\#(KVPolicyTool.version)""#, with: #""version":"9""#),
        "name another file"
      ),
    ] {
      try workshop.write("b.jsonl", broken)
      let outcome = sweep(workshop, "b.jsonl")
      #expect(outcome.status == 1 && outcome.errors.contains(reason), "\(outcome.errors)")
      #expect(try workshop.read("b.jsonl") == broken)
    }
  }
}

@Suite("kvpolicy sweep, killed")
struct SweepKilledTests {
  /// Words for a plan of many short cells.
  private func words(_ workshop: Workshop, _ out: String) throws -> [String] {
    let lengths = Array(stride(from: 24, to: 48, by: 2))
    try workshop.write(
      "plan.json",
      """
      {"models": ["bytes"], "policies": ["streamingllm", "tova", "h2o"], "budgets": [12],
       "tasks": [{"task": "language", "text": "text.txt"}], "lengths": \(lengths),
       "documents": 2}
      """)
    return [workshop.folder + "/plan.json", workshop.folder + "/" + out]
  }

  private static let script = #"exec "$0" sweep "$1" --out "$2" --jobs 2"#

  @Test("at any moment, it goes on to the results of a run that was not")
  func killed() throws {
    let workshop = try SweepCommandTests.workshop()
    let whole = try ToolProcess(Self.script, words(workshop, "whole.jsonl")).finish()
    #expect(whole.status == 0, "\(whole.errors)")
    let words = try words(workshop, "r.jsonl")
    var kills = 0
    for round in 0..<40 {
      let tool = try ToolProcess(Self.script, words)
      // Later rounds wait longer, so that the sweep ends at some time.
      usleep(UInt32(2_000 + 3_000 * round))
      if tool.process.isRunning {
        kill(tool.process.processIdentifier, SIGKILL)
        kills += 1
      }
      tool.process.waitUntilExit()
    }
    #expect(kills > 3)
    let last = try ToolProcess(Self.script, words).finish()
    #expect(last.status == 0, "\(last.errors)")
    #expect(
      try SweepCommandTests.numbers(workshop.read("r.jsonl"))
        == SweepCommandTests.numbers(workshop.read("whole.jsonl")))
  }

  @Test("two sweeps cannot write into one file")
  func locked() throws {
    let workshop = try SweepCommandTests.workshop()
    let words = try words(workshop, "r.jsonl")
    // A shell holds the lock, as a sweep would, until its input ends.
    let holder = Process()
    holder.executableURL = URL(fileURLWithPath: "/bin/bash")
    holder.arguments = ["-c", #"exec 9>>"$0"; flock 9; echo ready; read"#, words[1]]
    let (input, output) = (Pipe(), Pipe())
    (holder.standardInput, holder.standardOutput) = (input, output)
    try holder.run()
    #expect(try output.fileHandleForReading.read(upToCount: 1) != nil)
    let refused = try ToolProcess(Self.script, words).finish()
    #expect(refused.status == 1 && refused.errors.contains("another sweep writes"))
    try input.fileHandleForWriting.close()
    holder.waitUntilExit()
    #expect(try ToolProcess(Self.script, words).finish().status == 0)
  }
}
