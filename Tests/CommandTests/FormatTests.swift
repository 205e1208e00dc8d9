import Foundation
import KVPolicyKit
import Policies
import Testing

@Suite("--format")
struct FormatTests {
  /// Commands that print a table, and the number of its rows.
  static let commands: [(line: String, rows: Int)] = [
    (
      "compare --model @/bytes --policies full,h2o --budget 8 --prompt-tokens 16 --decode-tokens 4",
      2
    ),
    ("tasks --documents 1 --tokens 128 --policies h2o --budget 32", 2),
    ("bench --model @/plain --policies full --prefill 8 --decode 0 --steps 2 --repeats 1", 2),
    ("bench --floor --threads 1", 1),
    ("capacity --model @/plain --policies full --prompt-tokens 8 --generate 8 --most 2", 1),
    ("policies", PolicyRegistry.all.names.count), ("policies morphkv", 17),
  ]

  /// Runs a command line with further words; it must succeed.
  private func output(
    _ line: String, _ more: String..., in workshop: Workshop
  ) throws -> String {
    let words = line.split(separator: " ").map(String.init)
    let outcome = workshop.run(words + more)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  /// The records of a CSV text (RFC 4180), without the quotes in their fields.
  private func records(_ csv: String) -> [[String]] {
    csv.split(separator: "\n").map { line in
      var (fields, isQuoted) = ([""], false)
      for part in line.split(separator: "\"", omittingEmptySubsequences: false) {
        if !isQuoted {
          let cells = part.split(separator: ",", omittingEmptySubsequences: false)
          fields[fields.count - 1] += cells[0]
          fields += cells.dropFirst().map(String.init)
        } else {
          fields[fields.count - 1] += part
        }
        isQuoted.toggle()
      }
      return fields
    }
  }

  /// The cells of a line of a Markdown table; a pipe after a backslash is none of its own.
  private func cells(_ line: Substring) -> [Substring] {
    line.replacing("\\|", with: "").split(separator: "|", omittingEmptySubsequences: false)
  }

  @Test(
    "gives a program the same columns and rows as CSV and as lines of JSON", arguments: commands)
  func programs(_ line: String, rows: Int) throws {
    let workshop = try Workshop()
    let table = records(try output(line, "--format", "csv", in: workshop))
    let header = table[0]
    #expect(Set(header).count == header.count && table.count == rows + 1)
    #expect(table.allSatisfy { $0.count == header.count })
    let lines = try output(line, "--format", "jsonl", in: workshop).split(separator: "\n")
    #expect(lines.count == rows)
    for line in lines {
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(Set(object.keys) == Set(header))
    }
    #expect(!workshop.names.contains("kvpolicy.html"), "no page that nobody asked for")
  }

  @Test("gives a document the table's cells between pipes", arguments: commands)
  func markdown(_ line: String, rows: Int) throws {
    let lines = try output(line, "--format", "markdown", in: Workshop()).split(separator: "\n")
    #expect(lines.count == rows + 2)
    #expect(lines.allSatisfy { $0.hasPrefix("| ") && $0.hasSuffix(" |") })
    let count = cells(lines[0]).count
    #expect(lines.allSatisfy { cells($0).count == count } && count > 3)
    #expect(cells(lines[1]).dropFirst().dropLast().allSatisfy { [" --- ", " ---: "].contains($0) })
  }

  @Test("keeps the types of values: numbers, words, answers, nothing")
  func types() throws {
    let line = "compare --model @/bytes --policies full --prompt-tokens 16 --decode-tokens 4"
    let text = try output(line, "--format", "jsonl", in: Workshop())
    guard case .object(let members) = try JSONValue.parse(text) else {
      Issue.record("the line is no object")
      return
    }
    #expect(members["label"] == "full" && members["configuration"] == #"{"policy":"full"}"#)
    #expect(members["rowsPerLaneMost"] == 20 && members["saving"] == 0)
    #expect(members["takesBudget"] == false && members["budget"] == .null)
  }

  @Test("prints as CSV what --csv writes, and nothing beside it")
  func file() throws {
    let workshop = try Workshop()
    for (line, _) in FormatTests.commands where !line.hasPrefix("policies") {
      let printed = try output(line, "--format", "csv", "--csv", "@/out.csv", in: workshop)
      #expect(try workshop.read("out.csv") == printed, "\(line)")
    }
  }

  @Test("of a table is what is printed without it")
  func table() throws {
    let workshop = try Workshop()
    for line in ["policies", "policies morphkv"] {
      let printed = try output(line, "--format", "table", in: workshop)
      #expect(printed == (try output(line, in: workshop)))
    }
  }

  @Test("leaves columns out as the table does; --wide shows them")
  func wide() throws {
    let line = FormatTests.commands[0].line
    let workshop = try Workshop()
    let narrow = try output(line, "--format", "markdown", in: workshop)
    let wide = try output(line, "--format", "markdown", "--wide", in: workshop)
    #expect(!narrow.contains("| footprint |") && wide.contains("| footprint |"))
  }

  @Test("says on standard error where the page of 'tasks' is")
  func page() throws {
    let workshop = try Workshop()
    let words = FormatTests.commands[1].line.split(separator: " ").map(String.init)
    let outcome = workshop.run(words + ["--format", "csv", "--html", "@/page.html"])
    #expect(outcome.status == 0 && outcome.output.split(separator: "\n").count == 3)
    #expect(outcome.errors == "kvpolicy: the page is \(workshop.folder)/page.html\n")
    #expect(try workshop.read("page.html").hasPrefix("<!"))
  }

  static let legal = "it must be one of table, markdown, csv, jsonl"
  static let bad: [BadInput] =
    commands.map { .usage("\($0.line) --format html", "--format cannot be 'html'; \(legal)") }
    + commands.map { .usage("\($0.line) --format CSV", legal) } + [
      .usage("policies --format", "--format needs a value: --format table|markdown|csv|jsonl"),
      .usage("policies --json --format csv", "--json and --format exclude each other"),
      .usage("compare --model @/bytes --json - --format csv", "--format has no effect"),
      .usage("capacity --model @/plain --csv - --format table", "--format has no effect"),
      .usage("tasks --html - --format jsonl", "--format has no effect"),
      .usage("report @/tokens.json --out - --format csv", "--format has no effect"),
      .usage("bench --floor --wide --format csv", "--wide has no effect with --format csv"),
      .usage("compare --model @/bytes --wide --format jsonl", "--wide has no effect"),
      .usage(
        "bench --model @/plain --compare @/tova.json --format markdown",
        "--compare has no effect with --format markdown"),
      .usage(
        "compare --model @/bytes --fidelity --format csv",
        "--fidelity has no effect with --format csv alone; add --json FILE"),
    ]

  @Test("is refused where it has no effect, or is none of the four", arguments: bad)
  func refused(_ bad: BadInput) throws {
    let outcome = try Workshop().run(bad.words)
    #expect(outcome.status == bad.status && outcome.output.isEmpty)
    #expect(outcome.errors.contains(bad.message), "\(outcome.errors)")
  }
}
