import Foundation
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
        document: 5, prompt: ["start", "\n"], moments: [0, 1],
        tellers: [
          .init(
            label: "full", budget: nil, tally: TaskTally(hits: 2, checks: 3), answer: ["7"],
            mistakes: [0], kept: ["99", "999"])
        ]))
  }

  private func measurement(_ label: String, budget: Int?) -> TaskMeasurement {
    TaskMeasurement(
      label: label, configuration: ["policy": "full"], budget: budget,
      takesBudget: budget != nil, grows: budget == nil,
      kinds: [
        "once": TaskTally(hits: 3, checks: 4), "range": TaskTally(hits: 1, checks: 1),
        "recall": TaskTally(hits: 0, checks: 3), "copy": TaskTally(hits: 1, checks: 2),
      ], places: [PlaceTally(from: 0, to: 608, tally: TaskTally(hits: 5, checks: 10))],
      documents: [
        DocumentMeasurement(
          number: 0, kinds: ["once": TaskTally(hits: 3, checks: 4)], rowsPerLaneMean: 250.5,
          residentBytes: 283 << 10, writtenTokens: 6925)
      ],
      rowsPerLaneMean: 250.5, residentBytes: 283 << 10, meanResidentBytes: 280 << 10,
      peakResidentBytes: 642_856,
      policyStateBytes: 0, footprint: 0.556, writtenTokens: 6925, promptTokensPerSecond: 11919,
      decodeTokensPerSecond: 4516)
  }

  @Test("the table has a line per policy and budget under its conditions, within 80 columns")
  func table() {
    let lines = report().table.split(separator: "\n", omittingEmptySubsequences: false)
    let golden = """
      bundled: 32 documents of 1024 tokens, answers of up to 608
      4 layers x 2 key heads, f16 rows, 16 rows a page, 2 threads

      policy        budget   once   range  complete  recall    all     mean     peak
      full               +  75.0%  100.0%         -       -  71.4%  280 KiB  628 KiB
      streamingllm     256  75.0%  100.0%         -    0.0%  50.0%  280 KiB  628 KiB
      """
    #expect(lines.prefix(6).joined(separator: "\n") == golden)
    #expect(
      lines.dropLast().last
        == "left out  periodic, at end, footprint and decode/s; --wide shows them")
    #expect(lines.allSatisfy { $0.count <= 80 })
    let wide = report().wideTable
    #expect(wide.contains("  at end  footprint  decode/s\n") && !wide.contains("left out"))
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

  @Test("JSON with impossible tallies is refused", arguments: ["\(Int.max)", "\(Int.min)", "-1"])
  func impossibleTallies(_ number: String) throws {
    let text = try report().json()
    for member in ["hits", "checks"] {
      let broken = text.replacing(
        try Regex(#""\#(member)" : \d+"#), with: "\"\(member)\" : \(number)")
      #expect(broken != text)
      let error = try #require(throws: DecodingError.self) { try TaskReport(json: broken) }
      #expect(error.message.contains("of both"), "\(error.message)")
    }
  }

  @Test("a story's keys are the names of its properties")
  func storyKeys() throws {
    let json = try JSONValue.parse(report().json())
    guard case .object(let report) = json, case .object(let story)? = report["story"],
      case .array(let tellers)? = story["tellers"], case .object(let teller)? = tellers.first
    else { throw CocoaError(.coderReadCorrupt) }
    #expect(Set(story.keys) == ["document", "moments", "prompt", "tellers"])
    #expect(story["document"] == 5)
    #expect(Set(teller.keys) == ["answer", "kept", "label", "mistakes", "tally"])
    #expect(teller["tally"] == ["hits": 2, "checks": 3])
  }

  @Test(
    "the margin is Student's t times the standard error of a ratio of sums",
    arguments: [
      // A share of 3 in 5: residuals of 0.8 and -0.8.
      ([(2, 2), (1, 3)], 12.706 * (1.28 * 2).squareRoot() / 5),
      ([(1, 2), (2, 4), (4, 8)], 0), ([(0, 2), (0, 2)], 0), ([(3, 4)], nil), ([], nil),
      ([(0, 0), (0, 0)], nil),
      ([(4, 4), (2, 4), (3, 4)], 4.303 * (2 * 1.5).squareRoot() / 12),
    ] as [([(Int, Int)], Double?)])
  func margin(tallies: [(Int, Int)], margin: Double?) {
    var measurement = measurement("h2o", budget: 64)
    measurement.documents = tallies.map { hits, checks in
      DocumentMeasurement(
        number: 0, kinds: ["once": TaskTally(hits: hits, checks: checks)], rowsPerLaneMean: 1,
        residentBytes: 1, writtenTokens: 1)
    }
    #expect(measurement.margin.map { ($0 * 1e9).rounded() } == margin.map { ($0 * 1e9).rounded() })
  }

  @Test("an interval stays within 0 and 1, around the share")
  func interval() throws {
    var measurement = measurement("h2o", budget: 64)
    measurement.kinds = ["once": TaskTally(hits: 7, checks: 8)]
    measurement.documents = [3, 4].map { hits in
      DocumentMeasurement(
        number: 0, kinds: ["once": TaskTally(hits: hits, checks: 4)], rowsPerLaneMean: 1,
        residentBytes: 1, writtenTokens: 1)
    }
    let margin = try #require(measurement.margin)
    #expect(margin > 1 && measurement.interval == 0...1)
  }

  @Test(
    "Student's t is that of tables",
    arguments: [
      (1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (7, 2.365), (15, 2.131),
      (31, 2.040), (127, 1.979), (1_000_000, 1.960),
    ])
  func studentT(degrees: Int, quantile: Double) {
    #expect(abs(StudentT.quantile(degrees: degrees) / quantile - 1) < 0.003)
  }

  @Test("CSV has a line per policy and budget, and two columns for each kind of check")
  func csv() {
    let lines = report().csv.split(separator: "\n").map(String.init)
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("label,configuration,budget,onceHits,onceChecks,rangeHits,"))
    #expect(lines[1].hasPrefix("full,\"{\"\"policy\"\":\"\"full\"\"}\",,3,4,1,1,0,0,"))
    #expect(lines[2].hasPrefix("streamingllm,\"{\"\"policy\"\":\"\"full\"\"}\",256,3,4,1,1,0,0,"))
    #expect(
      lines[2].hasSuffix(",250.5,289792,642856,0,0.556,6925,11919.0,4516.0,true,,false,286720,,"))
  }
}
