import Foundation
import Testing

@testable import KVPolicyCommand

@Suite("kvpolicy report")
struct ReportCommandTests {
  /// A workshop with the results of a sweep.
  private func workshop() throws -> Workshop {
    let workshop = try SweepCommandTests.workshop()
    let outcome = workshop.run(
      ["sweep", "@/plan.json", "--out", "@/r.jsonl", "--jobs", "1"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    return workshop
  }

  @Test("writes a page, figures and a summary")
  func whole() throws {
    let workshop = try workshop()
    let outcome = workshop.run(
      ["report", "@/r.jsonl", "--out", "@/page.html", "--figures", "@/new/figures"])
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.output.contains("streamingllm") && outcome.output.contains("#"))
    let page = try workshop.read("page.html")
    #expect(page.hasSuffix("</html>\n") && page.contains("Pareto front"))
    let names = try FileManager.default.contentsOfDirectory(
      atPath: workshop.folder + "/new/figures")
    #expect(
      names.count == 4 * 2 * 5, "4 tasks, each with 3 figures of quality and 2 scores by position")
    #expect(names.contains("1-language-32-mean-bytes.svg"))
    let again = workshop.run(["report", "@/r.jsonl", "--out", "-"])
    #expect(again.output == page)
    let blocks = workshop.run(["report", "@/r.jsonl"], outputInteractive: true)
    #expect(blocks.output.contains("█"))
    let plain = workshop.run(
      ["report", "@/r.jsonl"], environment: ["NO_COLOR": "1"], outputInteractive: true)
    #expect(plain.output == outcome.output)
  }

  @Test("prints CSV and lines of JSON for programs")
  func programs() throws {
    let workshop = try workshop()
    for (format, lines) in [("csv", 13), ("jsonl", 12)] {
      let outcome = workshop.run(["report", "@/r.jsonl", "--format", format])
      #expect(outcome.status == 0 && outcome.output.split(separator: "\n").count == lines)
    }
    #expect(workshop.run(["report", "@/r.jsonl", "--format", "markdown"]).output.hasPrefix("## "))
  }

  @Test("leaves a torn last line out, and says so")
  func torn() throws {
    let workshop = try workshop()
    let text = try workshop.read("r.jsonl")
    try workshop.write("torn.jsonl", String(text.dropLast(9)))
    let outcome = workshop.run(["report", "@/torn.jsonl", "--out", "@/page.html"])
    #expect(outcome.status == 0 && outcome.errors.contains("was not finished and is left out"))
    #expect(try workshop.read("page.html").contains("was not finished and is left out"))
    #expect(outcome.output.contains("cells are missing"))
  }

  @Test("refuses what cannot be")
  func refused() throws {
    let workshop = try workshop()
    let text = try workshop.read("r.jsonl")
    try workshop.write("empty.jsonl", "")
    try workshop.write("bad.jsonl", text + "{\n")
    try workshop.write("list.jsonl", "[1]\n")
    try workshop.write("schema.jsonl", text.replacing(#""schema":1"#, with: #""schema":7"#))
    try workshop.write(
      "other.jsonl", text.replacing(#""decodeTokens":16"#, with: #""decodeTokens":17"#))
    let cases: [([String], String, Int32)] = [
      (["report"], "results are missing", 2), (["report", "@/none"], "cannot read", 1),
      (["report", "@/empty.jsonl"], "there is no whole record", 1),
      (["report", "@/bad.jsonl"], "bad.jsonl, line 13: it is not valid JSON", 1),
      (["report", "@/list.jsonl"], "line 1: it is no record of a sweep", 1),
      (["report", "@/schema.jsonl"], "line 1: the record has schema 7", 1),
      (["report", "@/r.jsonl", "@/other.jsonl"], "different results", 1),
      (["report", "-", "-"], "only one file", 2),
      (["report", "@/r.jsonl", "--format", "pdf"], "--format cannot be 'pdf'", 2),
      (["report", "@/r.jsonl", "--against", "snap"], "no record is of 'snap'; the policies", 1),
      (["report", "@/r.jsonl", "--out", "@/r.jsonl"], "is an input", 2),
      (["report", "@/r.jsonl", "--out", "@/bytes"], "cannot write", 1),
      (["report", "@/r.jsonl", "--figures", "@/r.jsonl"], "cannot make the folder", 1),
      (["report", "@/r.jsonl", "--figures", "/proc/none"], "cannot make the folder", 1),
    ]
    for (words, reason, status) in cases {
      let outcome = workshop.run(words)
      #expect(outcome.status == status && outcome.errors.contains(reason), "\(words) \(outcome)")
      #expect(outcome.output.isEmpty)
    }
    #expect(try workshop.read("r.jsonl") == text)
  }

  @Test("a figure does not replace an input or the page")
  func figures() throws {
    let workshop = try workshop()
    let text = try workshop.read("r.jsonl")
    let name = "f/1-language-32-mean-bytes.csv"
    try FileManager.default.createDirectory(
      atPath: workshop.folder + "/f", withIntermediateDirectories: true)
    try workshop.write(name, text)
    let input = workshop.run(["report", "@/\(name)", "--figures", "@/f"])
    #expect(input.status == 2 && input.errors.contains("is an input"))
    #expect(try workshop.read(name) == text)
    let page = workshop.run(["report", "@/r.jsonl", "--out", "@/\(name)", "--figures", "@/f"])
    #expect(page.status == 2 && page.errors.contains("--out is a figure of --figures"))
  }
}
