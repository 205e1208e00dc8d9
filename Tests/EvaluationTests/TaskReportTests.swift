import KVPolicyKit
import Testing

@testable import Evaluation

@Suite("Reports on tasks")
struct TaskReportTests {
  private func report() -> TaskReport {
    var full = measurement("full", budget: nil)
    full.kinds["recall"] = nil
    return TaskReport(
      model: "bundled", documents: 32, kind: "both", seed: 0, documentTokens: 1024,
      responseTokens: 608,
      rowFormat: .f16,
      pageRows: 16, threads: 2, layers: 4, keyHeads: 2,
      policies: [full, measurement("streamingllm", budget: 256)],
      story: TaskStory(
        prompt: ["start", "\n"], moments: [0, 1],
        tellers: [
          .init(label: "full", budget: nil, answer: ["7"], mistakes: [0], kept: ["99", "999"])
        ]))
  }

  private func measurement(_ label: String, budget: Int?) -> TaskMeasurement {
    TaskMeasurement(
      label: label, configuration: ["policy": "full"], budget: budget,
      takesBudget: budget != nil,
      kinds: [
        "once": TaskTally(hits: 3, checks: 4), "range": TaskTally(hits: 1, checks: 1),
        "recall": TaskTally(hits: 0, checks: 3), "copy": TaskTally(hits: 1, checks: 2),
      ], places: [PlaceTally(from: 0, to: 608, tally: TaskTally(hits: 5, checks: 10))],
      documents: [
        DocumentMeasurement(
          number: 0, kinds: ["once": TaskTally(hits: 3, checks: 4)], rowsPerLaneMean: 250.5,
          residentBytes: 283 << 10, writtenTokens: 6925)
      ],
      rowsPerLaneMean: 250.5, residentBytes: 283 << 10, peakResidentBytes: 642_856,
      policyStateBytes: 0, footprint: 0.556, writtenTokens: 6925, promptTokensPerSecond: 11919,
      decodeTokensPerSecond: 4516)
  }

  @Test("the table has a line per policy and budget under its conditions, within 80 columns")
  func table() {
    let lines = report().table.split(separator: "\n", omittingEmptySubsequences: false)
    let golden = """
      bundled: 32 documents of 1024 tokens, answers of up to 608
      4 layers x 2 key heads, f16 rows, 16 rows a page, 2 threads

      policy        rows   once   range  periodic  complete  recall    all  resident
      full             -  75.0%  100.0%         -         -       -  71.4%   283 KiB
      streamingllm   256  75.0%  100.0%         -         -    0.0%  50.0%   283 KiB
      """
    #expect(lines.prefix(6).joined(separator: "\n") == golden)
    #expect(lines.dropLast().last == "left out  footprint and decode/s; --wide shows them")
    #expect(lines.allSatisfy { $0.count <= 80 })
    let wide = report().wideTable
    #expect(wide.contains("  resident  footprint  decode/s\n") && !wide.contains("left out"))
    #expect(!wide.contains("again"))
  }

  @Test("with the longest of ordinary labels and numbers no line is beyond the terminal")
  func longest() {
    var report = report()
    report.kind = "dialogue"
    for index in report.policies.indices {
      report.policies[index].budget = 65_536
      for kind in ["once", "range", "periodic", "completion", "recall", "again"] {
        report.policies[index].kinds[kind] = TaskTally(hits: 1, checks: 1)
      }
    }
    for line in report.table.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(report.table.contains("  again  ") && report.table.contains("\nleft out "))
  }

  @Test("the heading names a seed that is not the usual one")
  func seed() {
    var report = report()
    report.seed = 7
    #expect(
      report.table.hasPrefix("bundled: 32 documents of 1024 tokens, answers of up to 608, seed 7\n")
    )
  }

  @Test("JSON gives back what went in")
  func json() throws {
    #expect(try TaskReport(json: report().json()) == report())
  }

  @Test("CSV has a line per policy and budget, and two columns for each kind of check")
  func csv() {
    let lines = report().csv.split(separator: "\n").map(String.init)
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("label,configuration,budget,onceHits,onceChecks,rangeHits,"))
    #expect(lines[1].hasPrefix("full,\"{\"\"policy\"\":\"\"full\"\"}\",,3,4,1,1,0,0,"))
    #expect(lines[2].hasPrefix("streamingllm,\"{\"\"policy\"\":\"\"full\"\"}\",256,3,4,1,1,0,0,"))
    #expect(lines[2].hasSuffix(",250.5,289792,642856,0,0.556,6925,11919.0,4516.0,true"))
  }
}
