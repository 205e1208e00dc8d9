import Foundation
import Testing

@Suite("kvpolicy capacity")
struct CapacityCommandTests {
  private static let small = [
    "capacity", "--model", "@/plain", "--prompt-tokens", "24", "--generate", "40", "--measure", "4",
    "--pool-bytes", "24000", "--budget", "16", "--threads", "1",
  ]

  /// The parts of the JSON that the tests look at.
  private struct Report: Decodable {
    struct Conditions: Decodable {
      let model: String
      let poolBytes: Int
    }
    struct Row: Decodable {
      let label: String
      let sequences: Int
      let bytesInUse: Int
    }
    let conditions: Conditions
    let rows: [Row]
  }

  @Test("counts the sequences of the standard policies, and writes them down")
  func standard() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      CapacityCommandTests.small + ["--json", "@/out.json", "--csv", "@/out.csv"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors == """
        kvpolicy: running 5 policies (16 rows per lane; full takes none), each with a prompt of 24 \
        tokens and 40 generated: alone, then as often as 23.4 KiB have room, at most 256 times: 320 \
        tokens or more in all

        """)
    let report = try JSONDecoder().decode(Report.self, from: workshop.data("out.json"))
    #expect(report.conditions.model == "plain" && report.conditions.poolBytes == 24000)
    #expect(report.rows.map(\.label) == ["full", "streamingllm", "h2o", "snapkv", "morphkv"])
    let sequences = report.rows.map(\.sequences)
    #expect(sequences[0] > 0 && sequences[1] > sequences[0], "\(sequences)")
    #expect(report.rows.allSatisfy { 0 < $0.bytesInUse && $0.bytesInUse <= 24000 })
    #expect(try workshop.read("out.csv").split(separator: "\n").count == 6)
    for row in report.rows { #expect(outcome.output.contains("\n\(row.label) ")) }
    #expect(outcome.output.contains("  16 rows per lane; full takes none; '-': "))
  }

  @Test("a configuration comes last, and a pool that is too small for a policy is no error")
  func configuration() throws {
    let words = CapacityCommandTests.small.map { $0 == "24000" ? "4000" : $0 }
    let outcome = try Workshop().run(
      words + ["--policies", "full", "--config", "@/tova.json"], interactive: true)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n").map {
      $0.split(separator: " ").map(String.init)
    }
    #expect(lines.first { $0.first == "full" }?[2] == "0", "\(outcome.output)")
    #expect(lines.first { $0.first == "tova" }.flatMap { Int($0[2]) } ?? 0 > 0)
    #expect(outcome.errors.contains("1/3 one of each alone "), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix(" \r") && outcome.errors.count { $0 == "\n" } == 1)
  }

  @Test("a context that is exceeded is said, and what would never end is refused")
  func limits() throws {
    let workshop = try Workshop()
    let words = ["capacity", "--model", "@/plain", "--policies", "streamingllm", "--budget", "16"]
    let long = workshop.run(
      words + ["--prompt-tokens", "8", "--generate", "160", "--measure", "4", "--most", "2"])
    #expect(long.status == 0, "\(long.errors)")
    #expect(
      long.errors.contains("\nkvpolicy: 168 tokens are more than the model's context of 160: "))
    for (option, value, reason) in [
      ("--generate", "16777216", "16,777,216 are the most"),
      ("--pool-bytes", "17592186044416", "larger than the machine's memory"),
    ] {
      let outcome = workshop.run(words + [option, value])
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(outcome.errors.contains(reason), "\(outcome.errors)")
    }
  }
}
