import Foundation
import KVPolicyKit
import Testing

@Suite("kvpolicy tasks")
struct TasksCommandTests {
  private static let small = [
    "--documents", "2", "--tokens", "128", "--policies", "h2o,morphkv-max",
  ]

  /// The parts of the JSON that the tests look at.
  private struct Report: Decodable {
    struct Policy: Decodable {
      let label: String
      let budget: Int?
      let configuration: JSONValue
      let rowsPerLaneMean: Double
    }
    struct Story: Decodable {
      struct Teller: Decodable {
        let label: String
        let budget: Int?
      }
      let tellers: [Teller]
    }
    let model: String
    let documents: Int
    let threads: Int
    let policies: [Policy]
    let story: Story
  }

  private func report(_ text: String) throws -> Report {
    try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  @Test("without a command's name the bundled model does tasks, whatever model is at hand")
  func unnamed() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      TasksCommandTests.small + ["--threads", "1", "--json", "@/out.json", "--csv", "@/out.csv"],
      environment: ["KVPOLICY_MODEL": workshop.byteModel])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.isEmpty, "quiet where nobody watches")
    let report = try report(workshop.read("out.json"))
    #expect(report.model == "bundled" && report.documents == 2 && report.threads == 1)
    // Full attention, then a quarter, then an eighth.
    #expect(
      report.policies.map(\.label) == ["full", "h2o", "morphkv-max", "h2o", "morphkv-max"])
    #expect(report.policies.map(\.budget) == [nil, 32, 32, 16, 16])
    #expect(report.policies.dropFirst().map(\.rowsPerLaneMean) == [32, 33, 16, 17])
    #expect(report.story.tellers.map(\.label) == ["full", "h2o", "morphkv-max"])
    #expect(report.story.tellers.map(\.budget) == [nil, 32, 32])
    #expect(try workshop.read("out.csv").split(separator: "\n").count == 6)
    #expect(
      outcome.output.contains("\nbundled: 2 documents of 128 tokens")
        || outcome.output.hasPrefix("bundled: 2 documents of 128 tokens"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  @Test("morphkv-max is morphkv that joins votes by their maximum")
  func variant() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      ["tasks", "--shares", "4", "--json", "-"] + TasksCommandTests.small)
    #expect(!workshop.names.contains("kvpolicy.html"), "printed results come without a page")
    let policies = try report(outcome.output).policies
    guard case .object(let settings) = policies[2].configuration else {
      Issue.record("no configuration")
      return
    }
    #expect(settings["policy"] == "morphkv" && settings["fusion"] == "max")
    #expect(settings["capacity"] == 32)
  }

  @Test("the page is written into the folder, where it is asked for, or not at all")
  func page() throws {
    let workshop = try Workshop()
    let words = ["tasks", "--shares", "4"] + TasksCommandTests.small
    let usual = workshop.run(words)
    #expect(usual.status == 0 && usual.output.hasSuffix("/kvpolicy.html.\n"), "\(usual.errors)")
    let page = try workshop.read("kvpolicy.html")
    #expect(page.hasPrefix("<!"))
    #expect(workshop.run(words + ["--html", "@/other.html"]).status == 0)
    #expect(try workshop.read("other.html").hasPrefix("<!"))
    #expect(workshop.run(words + ["--html", "-"]).output.hasPrefix("<!"))
    let before = workshop.names
    try FileManager.default.removeItem(atPath: workshop.folder + "/kvpolicy.html")
    let without = workshop.run(words + ["--no-html"])
    #expect(without.status == 0 && !without.output.contains("html"))
    #expect(workshop.names == before.subtracting(["kvpolicy.html"]))
  }

  @Test("a policy that cannot run on the story's shorter document is left out of the story")
  func shortStory() throws {
    let words = ["--documents", "1", "--tokens", "512", "--policies", "h2o,morphkv"]
    let outcome = try Workshop().run(["tasks", "--shares", "64", "--json", "-"] + words)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try report(outcome.output)
    #expect(report.policies.map(\.budget) == [nil, 8, 8])
    #expect(report.story.tellers.map(\.label) == ["full", "h2o"])
  }

  @Test("a person sees a bar that is taken away at the end")
  func bar() throws {
    let outcome = try Workshop().run(
      ["tasks", "--no-html", "--threads", "1"] + TasksCommandTests.small, interactive: true)
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("2/5 h2o 32 "), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix(" \r") && !outcome.errors.contains("\n"))
  }

  @Test(
    "commands that take a model have one where there is none",
    arguments: [
      "inspect", "bench --prefill 8 --decode none --repeats 1", "generate --prompt x",
      "capacity --pool-bytes 1048576 --generate 8 --policies full",
      "trace --tokens @/tokens.json --prompt-length 9 --config @/tova.json --json @/o.json",
      "tokenize",
    ])
  func bundled(_ line: String) throws {
    let workshop = try Workshop()
    let words = line.split(separator: " ").map(String.init)
    let outcome = workshop.run(words, input: Array("\"start \"\n".utf8))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      workshop.run(words + ["--model", "bundled"], input: Array("\"start \"\n".utf8)).status == 0)
  }
}
