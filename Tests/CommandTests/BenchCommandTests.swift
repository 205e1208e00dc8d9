import Foundation
import Testing

@Suite("kvpolicy bench")
struct BenchCommandTests {
  private static let small = [
    "bench", "--model", "@/plain", "--prefill", "24", "--decode", "0,24", "--steps", "2",
    "--repeats", "2", "--budget", "16", "--threads", "1",
  ]

  /// The parts of the JSON that the tests look at.
  private struct Report: Decodable {
    struct Conditions: Decodable {
      let model: String
      let threads: Int
    }
    struct Row: Decodable {
      let work: String
      let tokens: Int
      let label: String
      let rowsPerLane: Double
    }
    let conditions: Conditions?
    let rows: [Row]
  }

  private func report(_ text: String) throws -> Report {
    try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  @Test("measures the standard policies, without a tokenizer")
  func standard() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      BenchCommandTests.small + ["--json", "@/out.json", "--csv", "@/out.csv"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors == """
        kvpolicy: running 6 policies (16 rows per lane; full takes none), prompts of 24 and decoding \
        after 0 and 24 in 12 runs: 528 tokens in all

        """)
    let report = try report(workshop.read("out.json"))
    #expect(report.conditions?.model == "plain" && report.conditions?.threads == 1)
    let names = ["full", "streamingllm", "h2o", "snapkv", "morphkv", "tova"]
    #expect(report.rows.map(\.label) == names + names + names)
    #expect(report.rows.map(\.work).filter { $0 == "prefill" }.count == names.count)
    // SnapKV keeps all generated rows; MorphKV also keeps the current token.
    #expect(report.rows.suffix(6).map(\.rowsPerLane) == [32, 16, 16, 24, 17, 16])
    #expect(try workshop.read("out.csv").split(separator: "\n").count == 19)
    for name in names { #expect(outcome.output.contains("prefill 24    \(name) ")) }
    #expect(outcome.output.contains("  16 rows per lane; full takes none; '-': "))
  }

  @Test("compares with an earlier run, row by row")
  func compare() throws {
    let workshop = try Workshop()
    let first = workshop.run(
      BenchCommandTests.small + ["--policies", "full,tova", "--json", "@/old.json"])
    #expect(first.status == 0, "\(first.errors)")
    let second = workshop.run(
      BenchCommandTests.small + ["--policies", "full,h2o", "--compare", "@/old.json"])
    #expect(second.status == 0, "\(second.errors)")
    let change = second.output.components(separatedBy: "\nchange ").last ?? ""
    #expect(change.contains("\nprefill 24    full ") && change.contains("\ndecode at 24  full "))
    #expect(change.contains("only now: h2o prefill 24, h2o decode at 0, h2o decode at 24\n"))
    #expect(change.hasSuffix("only before: tova prefill 24, tova decode at 0, tova decode at 24\n"))
  }

  @Test("prompts or decoding can be left out, and configurations come last")
  func parts() throws {
    let workshop = try Workshop()
    let words = [
      "bench", "--model", "@/plain", "--steps", "2", "--repeats", "1", "--threads", "1",
      "--policies", "full", "--config", "@/tova.json", "--json", "-",
    ]
    let decode = workshop.run(words + ["--prefill", "none", "--decode", "3"])
    #expect(decode.status == 0, "\(decode.errors)")
    #expect(try report(decode.output).rows.map(\.label) == ["full", "tova"])
    let prefill = workshop.run(words + ["--prefill", "3", "--decode", "none"])
    #expect(try report(prefill.output).rows.map(\.work) == ["prefill", "prefill"])
  }

  @Test("the arithmetic is on file, and a comparison says that it differs")
  func arithmetic() throws {
    let workshop = try Workshop()
    let words = BenchCommandTests.small + ["--policies", "full"]
    let exact = workshop.run(words + ["--json", "@/old.json"])
    #expect(exact.status == 0 && !exact.output.contains("arithmetic,"))
    let other = workshop.run(words + ["--arithmetic", "integer", "--compare", "@/old.json"])
    #expect(other.status == 0, "\(other.errors)")
    #expect(other.output.contains("\n1 thread, integer arithmetic, chunks of "))
    #expect(other.output.contains("differs: integer arithmetic, before exact arithmetic\n"))
    // A report from before the arithmetic was a setting.
    let old = try workshop.read("old.json").replacing(/"arithmetic"\s*:\s*"exact",/, with: "")
    try workshop.write("old.json", old)
    let third = workshop.run(words + ["--compare", "@/old.json"])
    #expect(third.status == 0 && !third.output.contains("differs:"), "\(third.errors)")
  }

  @Test("sequences that decode together have rows of their own, also in a comparison")
  func batch() throws {
    let workshop = try Workshop()
    let words = BenchCommandTests.small + ["--policies", "full,morphkv", "--batch", "1,3"]
    let first = workshop.run(words + ["--json", "@/old.json", "--csv", "@/old.csv"])
    #expect(first.status == 0, "\(first.errors)")
    let works = try report(workshop.read("old.json")).rows.map(\.work)
    #expect(works.filter { $0 == "batch" }.count == 8 && works.count == 14)
    #expect(try workshop.read("old.csv").contains("\nbatch,24,morphkv,"))
    #expect(first.output.contains("\ntogether  "))
    let second = workshop.run(words + ["--compare", "@/old.json"])
    let change = second.output.components(separatedBy: "\nchange ").last ?? ""
    #expect(change.contains("\ndecode 3 at 24  morphkv ") && !change.contains("only"))
  }

  @Test(
    "a size of a batch that cannot be is refused",
    arguments: ["0", "-1", "1025", "99999999999999999999", "two", "2,", "2,2", "1.5"])
  func badBatch(_ sizes: String) throws {
    let outcome = try Workshop().run(BenchCommandTests.small + ["--batch=\(sizes)"])
    #expect(outcome.status == 2 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("--batch "), "\(outcome.errors)")
  }

  @Test("a batch needs a depth, and room")
  func impossibleBatch() throws {
    let workshop = try Workshop()
    let none = workshop.run([
      "bench", "--model", "@/plain", "--decode", "none", "--batch", "2",
    ])
    #expect(none.status == 2 && none.errors.contains("--batch has no effect with --decode 'none'"))
    let words = ["bench", "--model", "@/plain", "--policies", "full", "--prefill", "none"]
    let large = workshop.run(words + ["--decode", "9000000", "--batch", "1024"])
    #expect(large.status == 1 && large.errors.contains("fit"), "\(large.errors)")
  }

  @Test("runs beyond the context that the model was made for")
  func context() throws {
    let outcome = try Workshop().run([
      "bench", "--model", "@/plain", "--prefill", "none", "--decode", "200", "--steps", "1",
      "--repeats", "1", "--policies", "full,tova", "--threads", "1",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("\nkvpolicy: 205 tokens are more than the model's context of 160: "))
  }

  @Test(
    "what would never end is refused before it begins",
    arguments: [
      "--steps 16777216 --repeats 65536", "--steps 16777216 --repeats 1",
      "--decode 16777216 --batch 1024", "--decode 8000000 --batch 512",
      "--prefill 16777216 --repeats 65536",
    ])
  func absurd(_ sizes: String) throws {
    let words = ["bench", "--model", "@/plain", "--policies", "streamingllm", "--budget", "16"]
    let outcome = try Workshop().run(words + sizes.split(separator: " ").map(String.init))
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(
      outcome.errors.contains(" are the most; ask for fewer")
        || outcome.errors.contains(" do not fit: "), "\(outcome.errors)")
  }

  @Test("measures the machine alone, without a model")
  func floor() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(["bench", "--floor", "--threads", "1", "--json", "@/floor.json"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("threads  memory GB/s "))
    let report = try report(workshop.read("floor.json"))
    #expect(report.conditions == nil && report.rows.isEmpty)
    let csv = workshop.run(["bench", "--floor", "--threads", "1", "--csv", "-"])
    #expect(
      csv.output.hasPrefix("threads,readBandwidth,") && csv.output.split(separator: "\n").count == 2
    )
  }

  @Test("a person sees a bar that is taken away at the end")
  func bar() throws {
    let outcome = try Workshop().run(
      BenchCommandTests.small + ["--policies", "h2o"], interactive: true)
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("1/2 h2o at 0 ") && outcome.errors.contains("2/2 h2o at 24 "))
    #expect(outcome.errors.hasSuffix(" \r") && outcome.errors.count { $0 == "\n" } == 1)
  }
}
