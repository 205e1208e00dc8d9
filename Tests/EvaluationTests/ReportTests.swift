import Foundation
import KVPolicyKit
import ReferenceModel
import Testing

@testable import Evaluation
@testable import Reporting

@Suite("Reports")
struct ReportTests {
  /// A report with round numbers, one label that CSV must quote, and one number that is not finite.
  private func report() -> ComparisonReport {
    var full = measurement("full")
    full.rowsPerLaneLeast = 1024
    full.rowsPerLaneMost = 1024
    var ragged = measurement("my, \"own\"")
    (ragged.saving, ragged.footprint) = (0.75, 0.6875)
    (ragged.residentBytes, ragged.peakResidentBytes) = (6 << 20, 500)
    (ragged.meanDivergence, ragged.topAgreement) = (0.1128, 0.828)
    ragged.perplexity = .infinity
    (full.takesBudget, ragged.takesBudget, ragged.budget) = (false, true, 256)
    (full.grows, ragged.budgetBytes) = (true, 1 << 20)
    return ComparisonReport(
      model: "tiny.gguf", text: "built-in", promptTokens: 768, decodeTokens: 256, chunk: 512,
      rowFormat: .f16, pageRows: 16, threads: 1, arithmetic: .exact, layers: 30, keyHeads: 3,
      policies: [full, ragged])
  }

  private func measurement(_ label: String) -> PolicyMeasurement {
    PolicyMeasurement(
      label: label, configuration: ["policy": "full"], grows: false, rowsPerLaneLeast: 240,
      rowsPerLaneMost: 256, rowsPerLaneMean: 250.5, residentBytes: 24 << 20,
      meanResidentBytes: 23 << 20,
      peakResidentBytes: 24 << 20, policyStateBytes: 0, saving: 0, peakSaving: 0, footprint: 1,
      peakFootprint: 1, perplexity: 19.24, meanDivergence: 0, topAgreement: 1, promptSeconds: 8,
      decodeSeconds: 4, promptHookShare: 0, decodeHookShare: 0.002, promptTokensPerSecond: 96,
      decodeTokensPerSecond: 64)
  }

  @Test("the table has a line per policy under its conditions, within 80 columns")
  func table() {
    let lines = report().table.split(separator: "\n", omittingEmptySubsequences: false)
    let golden = """
      tiny.gguf, built-in text: 768 prompt tokens in chunks of 512, 256 forced tokens
      30 layers x 3 key heads, f16 rows, 16 rows a page, 1 thread

      policy      budget  rows/lane      mean      peak      KL   top-1  decode/s
      full             +       1024  23.0 MiB  24.0 MiB       0  100.0%      64.0
      my, "own"  1.0 MiB    240-256  23.0 MiB     500 B  0.1128   82.8%      64.0
      """
    #expect(lines.prefix(6).joined(separator: "\n") == golden)
    #expect(lines[7].hasPrefix("budget     1.0 MiB per sequence; full takes none; '-': none, "))
    #expect(
      lines.dropLast().suffix(2) == [
        "left out   at end, saved, footprint, perplexity, hooks and prompt/s; --wide",
        "           shows them",
      ])
    #expect(lines.allSatisfy { $0.count <= 80 })
  }

  @Test("the wide table has every column, and leaves none out")
  func wide() {
    let lines = report().wideTable.split(separator: "\n", omittingEmptySubsequences: false)
    let golden = """
      policy      budget  rows/lane      mean      peak    at end  saved  footprint  perplexity      KL   top-1  hooks  prompt/s  decode/s
      full             +       1024  23.0 MiB  24.0 MiB  24.0 MiB   0.0%     100.0%       19.24       0  100.0%   0.2%      96.0      64.0
      my, "own"  1.0 MiB    240-256  23.0 MiB     500 B   6.0 MiB  75.0%      68.8%         inf  0.1128   82.8%   0.2%      96.0      64.0
      """
    #expect(lines[3...5].joined(separator: "\n") == golden)
    #expect(!report().wideTable.contains("left out"))
    #expect(lines.suffix(from: 6).allSatisfy { $0.count <= 80 })
  }

  @Test("with the longest of ordinary labels and numbers no line is beyond the terminal")
  func longest() {
    var report = report()
    for index in report.policies.indices {
      report.policies[index].label = "abcdefghijkl"
      report.policies[index].rowsPerLaneLeast = 10_000
      report.policies[index].rowsPerLaneMost = 65_536
      report.policies[index].budget = 65_536
    }
    report.model = "Some-Long-Model-Name-1.7B-Instruct.Q4_K_M.gguf"
    for line in report.table.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(report.table.contains("\nleft out "))
  }

  @Test("JSON gives back what went in, also what is not finite")
  func json() throws {
    let text = try report().json()
    #expect(text.contains("\"perplexity\" : \"inf\""))
    #expect(try ComparisonReport(json: text) == report())
  }

  @Test("JSON and CSV name the same properties")
  func names() throws {
    guard case .object(let members) = try JSONValue.parse(report().json()),
      case .array(let policies)? = members["policies"], case .object(let policy)? = policies.last
    else {
      Issue.record("the report is no object with policies")
      return
    }
    let header = report().csv.split(separator: "\n").first.map(String.init) ?? ""
    // Of a policy that reads all that it holds, JSON does not mention what it reads.
    #expect(
      Set(header.split(separator: ",").map(String.init))
        == Set(policy.keys).union(["readRows", "readBytes"]))
  }

  @Test("CSV quotes what needs it")
  func csv() {
    let lines = report().csv.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[1].hasPrefix("full,\"{\"\"policy\"\":\"\"full\"\"}\",1024,1024,250.5,"))
    #expect(lines[2].hasPrefix("\"my, \"\"own\"\"\","))
  }

  @Test("Markdown has the cells of the table, and escapes what would mark up")
  func markdown() {
    var report = report()
    report.policies[1].label = "a|*b*"
    #expect(
      report.markdown(isWide: false) == """
        | policy | budget | rows/lane | mean | peak | KL | top-1 | decode/s |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | full | + | 1024 | 23.0 MiB | 24.0 MiB | 0 | 100.0% | 64.0 |
        | a\\|\\*b\\* | 1.0 MiB | 240-256 | 23.0 MiB | 500 B | 0.1128 | 82.8% | 64.0 |

        """)
    #expect(
      report.markdown(isWide: true).hasPrefix("| policy | budget | rows/lane | mean | peak | at"))
  }

  @Test("lines of JSON have numbers, words and nothing; what is not finite is a word, as in JSON")
  func jsonLines() throws {
    let lines = try report().jsonLines.split(separator: "\n").map {
      try JSONValue.parse(String($0))
    }
    guard lines.count == 2, case .object(let full) = lines[0], case .object(let other) = lines[1]
    else {
      Issue.record("the lines are no two objects")
      return
    }
    #expect(full["budget"] == .null && full["readRows"] == .null && full["grows"] == true)
    #expect(full["rowsPerLaneMean"] == 250.5 && full["configuration"] == #"{"policy":"full"}"#)
    #expect(other["label"] == #"my, "own""# && other["perplexity"] == "inf")
    #expect(other["budget"] == 256 && other["budgetBytes"] == .integer(1 << 20))
  }

  @Test("a report in a format is what the property of this name has")
  func formatted() {
    let report = report()
    #expect(TableFormat.allCases.map(\.rawValue) == ["table", "markdown", "csv", "jsonl"])
    #expect(report.formatted(as: .table) == report.table)
    #expect(report.formatted(as: .table, isWide: true) == report.wideTable)
    #expect(report.formatted(as: .markdown) == report.markdown(isWide: false))
    #expect(report.formatted(as: .csv) == report.csv)
    #expect(report.formatted(as: .jsonl) == report.jsonLines)
  }

  @Test(
    "bytes are in the largest unit that leaves at least one",
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (102_400, "100 KiB"), (3 << 29, "1.5 GiB"),
      (-2048, "-2.0 KiB"), (.min, "-8388608 TiB"),
    ])
  func bytes(_ count: Int, _ text: String) { #expect(Quantities.bytes(count) == text) }

  @Test(
    "numbers keep the digits that matter",
    arguments: [
      (0, "0"), (0.0001234, "1e-04"), (0.1128, "0.1128"), (19.24, "19.24"), (1234.5, "1234.50"),
      (1e6, "1.00e+06"), (Double.infinity, "inf"),
    ])
  func significant(_ value: Double, _ text: String) {
    #expect(Quantities.significant(value) == text)
  }

  @Test("no saving is never minus nothing")
  func percent() {
    #expect(Quantities.percent(-0.0001) == "0.0%")
    #expect(Quantities.percent(-0.25) == "-25.0%")
  }
}
