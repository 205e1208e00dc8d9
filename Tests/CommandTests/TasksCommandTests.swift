import Foundation
import KVPolicyKit
import Testing

@Suite("kvpolicy tasks")
struct TasksCommandTests {
  private static let small = [
    "--documents", "2", "--tokens", "128", "--policies", "h2o,morphkv",
  ]

  /// The parts of the JSON that the tests look at.
  private struct Report: Decodable {
    struct Tally: Decodable, Equatable {
      let hits: Int
      let checks: Int
    }
    struct Document: Decodable, Equatable {
      let number: Int
      let kinds: [String: Tally]
      let rowsPerLaneMean: Double
      let residentBytes: Int
      let writtenTokens: Int
    }
    struct Policy: Decodable, Equatable {
      let label: String
      let budget: Int?
      let takesBudget: Bool?
      let configuration: JSONValue
      let kinds: [String: Tally]
      let documents: [Document]
      let rowsPerLaneMean: Double
      let writtenTokens: Int
    }
    struct Story: Decodable {
      struct Teller: Decodable {
        let label: String
        let budget: Int?
        let tally: Tally
      }
      let document: Int
      let tellers: [Teller]
    }
    let model: String
    let documents: Int
    let seed: Int
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
      report.policies.map(\.label) == ["full", "h2o", "morphkv", "h2o", "morphkv"])
    #expect(report.policies.map(\.budget) == [nil, 32, 32, 16, 16])
    #expect(report.policies.dropFirst().map(\.rowsPerLaneMean) == [32, 33, 16, 17])
    #expect(report.story.tellers.map(\.label) == ["full", "h2o", "morphkv"])
    #expect(report.story.tellers.map(\.budget) == [nil, 32, 32])
    #expect((0..<32).contains(report.story.document))
    #expect(Set(report.story.tellers.map(\.tally.checks)).count == 1)
    #expect(try workshop.read("out.csv").split(separator: "\n").count == 6)
    #expect(
      outcome.output.contains("\nbundled: 2 documents of 128 tokens")
        || outcome.output.hasPrefix("bundled: 2 documents of 128 tokens"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test("configurations come after the named policies, once each, and take part in the story")
  func configurations() throws {
    let workshop = try Workshop()
    try workshop.write(
      "max.json", #"{"policy": "morphkv", "window": 8, "capacity": 32, "fusion": "max"}"#)
    try workshop.write("full.json", #"{"policy": "full"}"#)
    let files = ["max.json", "full.json", "tova.json"].flatMap { ["--config", "@/" + $0] }
    let outcome = workshop.run(
      ["tasks", "--json", "-", "--config", "-"] + files + TasksCommandTests.small,
      input: Array(#"{"policy": "h2o", "heavy": 3, "recent": 5}"#.utf8))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(!workshop.names.contains("kvpolicy.html"), "printed results come without a page")
    let report = try report(outcome.output)
    let labels = ["stdin", "max", "full-2", "tova"]
    #expect(
      report.policies.map(\.label) == ["full", "h2o", "morphkv", "h2o", "morphkv"] + labels)
    #expect(report.policies.map(\.budget) == [nil, 32, 32, 16, 16, nil, nil, nil, nil])
    #expect(
      report.policies.map(\.takesBudget) == [false, true, true, true, true, nil, nil, nil, nil])
    let rows = report.policies.map(\.rowsPerLaneMean)
    #expect(rows.suffix(4) == [8, 33, rows[0], 8])
    #expect(
      report.policies[6].configuration == [
        "policy": "morphkv", "window": 8, "capacity": 32, "fusion": "max",
      ])
    #expect(report.story.tellers.map(\.label) == ["full", "h2o", "morphkv"] + labels)
    #expect(report.story.tellers.map(\.budget) == [nil, 32, 32, nil, nil, nil, nil])
  }

  @Test("budgets are rows or shares, and the story's is the first one in proportion")
  func budgets() throws {
    let words = ["tasks", "--documents", "1", "--tokens", "512", "--policies", "full,h2o"]
    let outcome = try Workshop().run(words + ["--budget", "96,1/8", "--json", "-"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try report(outcome.output)
    #expect(report.policies.map(\.label) == ["full", "h2o", "h2o"])
    #expect(report.policies.map(\.budget) == [nil, 96, 64])
    // The story scales the budget to its shorter document: 96 of 512 tokens are 84 of 448.
    #expect(report.story.tellers.map(\.budget) == [nil, 84])
  }

  @Test("a policy that takes no budget runs once, whatever budgets there are")
  func withoutBudget() throws {
    let registry = PolicyRegistry([Everything.self, Whole.self, Last.self])
    let outcome = try Workshop().run(
      ["tasks", "--no-html", "--documents", "1", "--tokens", "128", "--policies", "whole,last"],
      registry: registry)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ").prefix(2) }
    let rows = lines.filter { ["full", "whole", "last"].contains($0.first) }
    #expect(rows == [["full", "+"], ["whole", "+"], ["last", "32"], ["last", "16"]])
  }

  @Test("a seed draws other documents, and is named; seed 0 is the usual one")
  func seeds() throws {
    let workshop = try Workshop()
    let words = ["tasks", "--policies", "h2o", "--documents", "2", "--tokens", "128"]
    func run(_ seed: String?) throws -> (report: Report, table: String) {
      let outcome = workshop.run(
        words + (seed.map { ["--seed", $0] } ?? []) + ["--no-html", "--json", "@/out.json"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      return (try report(workshop.read("out.json")), outcome.output)
    }
    let (usual, zero, other) = (try run(nil), try run("0"), try run("65535"))
    #expect(usual.report.policies == zero.report.policies && usual.report.seed == 0)
    #expect(!zero.table.contains("seed") && other.table.contains(", seed 65535\n"))
    #expect(other.report.seed == 65_535)
    #expect(other.report.policies[0].documents != zero.report.policies[0].documents)
  }

  @Test("every column is shown where that is asked for")
  func wide() throws {
    let words = ["tasks", "--no-html"] + TasksCommandTests.small
    #expect(try Workshop().run(words).output.contains("--wide shows them"))
    let wide = try Workshop().run(words + ["--wide"]).output
    #expect(wide.contains("  footprint  decode/s\n") && !wide.contains("left out"))
    #expect(try Workshop().run(words + ["--wide=1"]).errors.contains("--wide takes no value"))
  }

  @Test("JSON has every document's checks, which add up to those of the policy")
  func documents() throws {
    let outcome = try Workshop().run(["tasks", "--json", "-"] + TasksCommandTests.small)
    for policy in try report(outcome.output).policies {
      #expect(policy.documents.map(\.number) == [0, 1])
      let parts = policy.documents.flatMap { Array($0.kinds) }
      for (kind, tally) in policy.kinds {
        let ofKind = parts.filter { $0.key == kind }.map(\.value)
        #expect(ofKind.reduce(0) { $0 + $1.checks } == tally.checks)
        #expect(ofKind.reduce(0) { $0 + $1.hits } == tally.hits)
      }
      #expect(Set(parts.map(\.key)) == Set(policy.kinds.keys))
      #expect(policy.documents.reduce(0) { $0 + $1.writtenTokens } == policy.writtenTokens)
    }
  }

  @Test("the page is written into the folder, where it is asked for, or not at all")
  func page() throws {
    let workshop = try Workshop()
    let words = ["tasks", "--budget", "1/4"] + TasksCommandTests.small
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
    let words = ["--documents", "1", "--tokens", "512", "--policies", "h2o,streamingllm"]
    let outcome = try Workshop().run(["tasks", "--budget", "1/100", "--json", "-"] + words)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try report(outcome.output)
    #expect(report.policies.map(\.budget) == [nil, 5, 5])
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
