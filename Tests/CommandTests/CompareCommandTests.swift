import Foundation
import KVPolicyKit
import Policies
import Testing

@Suite("kvpolicy compare")
struct CompareCommandTests {
  private static let small = [
    "--prompt-tokens", "40", "--decode-tokens", "24", "--budget", "16", "--threads", "1",
  ]

  /// The parts of the JSON that the tests look at.
  private struct Report: Decodable {
    struct Policy: Decodable {
      let label: String
      let configuration: JSONValue
      let budget: Int?
      let budgetBytes: Int?
      let takesBudget: Bool?
      let grows: Bool
      let meanResidentBytes: Int
      let peakResidentBytes: Int
      let rowsPerLaneMost: Int
      let meanDivergence: Double
      let topAgreement: Double
      let footprint: Double
    }
    let model: String
    let promptTokens: Int
    let policies: [Policy]
  }

  @Test(
    "the oracle runs where it is named, and the inside of the model is shown where it is wanted")
  func oracle() throws {
    let workshop = try Workshop()
    let words =
      ["compare", "--model", "@/bytes", "--policies", "full,oracle,random", "--json", "@/out.json"]
      + CompareCommandTests.small
    let outcome = workshop.run(words + ["--fidelity"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("attention output"))
    #expect(outcome.output.contains("kept after the prompt"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(try workshop.read("out.json").contains("\"fidelity\""))
    let report = try report(workshop.read("out.json"))
    #expect(report.policies.map(\.label) == ["full", "oracle", "random"])
    #expect(report.policies[1].rowsPerLaneMost == 16 && report.policies[1].budget == 16)
    let plain = workshop.run(words)
    #expect(plain.status == 0 && !plain.output.contains("attention output"))
    #expect(try !workshop.read("out.json").contains("\"fidelity\""))
  }

  private func report(_ text: String) throws -> Report {
    try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  @Test("the standard policies each get a row, and keep what the budget allows")
  func standard() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      ["compare", "--model", "@/bytes", "--json", "@/out.json", "--csv", "@/out.csv"]
        + CompareCommandTests.small)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.isEmpty, "quiet where nobody watches")
    let report = try report(workshop.read("out.json"))
    #expect(report.model == "bytes" && report.promptTokens == 40)
    #expect(report.policies.map(\.label) == ["full", "streamingllm", "h2o", "snapkv", "morphkv"])
    // SnapKV chooses once and keeps all generated rows; MorphKV also keeps the current token.
    #expect(report.policies.map(\.rowsPerLaneMost) == [64, 16, 16, 16 + 24, 16 + 1])
    #expect(report.policies[0].meanDivergence == 0 && report.policies[0].topAgreement == 1)
    #expect(report.policies[0].footprint == 1)
    for policy in report.policies.dropFirst() {
      #expect(policy.meanDivergence > 0 && policy.footprint < 1)
      #expect(outcome.output.contains("\n\(policy.label) "))
    }
    #expect(try workshop.read("out.csv").split(separator: "\n").count == 6)
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(outcome.output.contains("--wide"))
  }

  @Test("every column is shown where that is asked for")
  func wide() throws {
    let outcome = try Workshop().run(
      ["compare", "--model", "@/bytes", "--policies", "full", "--wide"] + CompareCommandTests.small)
    #expect(outcome.status == 0 && outcome.output.contains("  prompt/s  decode/s\n"))
    #expect(!outcome.output.contains("left out"))
  }

  @Test("a model that speaks the tasks' language reads a document of the tasks")
  func tasks() throws {
    let workshop = try Workshop()
    let words = ["compare", "--model", "bundled", "--policies", "full"] + CompareCommandTests.small
    let outcome = workshop.run(words)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("bundled, task text: 40 prompt tokens "))
    let byWord = workshop.run(words + ["--text", "-"], input: Array("at 7 lamp \n".utf8))
    #expect(byWord.status == 1 && byWord.errors.contains("tokens"), "a text of 4 tokens is short")
  }

  @Test("a text that such a model does not understand is read with a note")
  func foreign() throws {
    let workshop = try Workshop()
    let english = Array(String(repeating: "The lighthouse had two keepers. ", count: 4).utf8)
    let words = ["compare", "--policies", "full", "--text", "-"] + CompareCommandTests.small
    let outcome = workshop.run(words, input: english)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("kvpolicy: the model speaks the language of the tasks and "))
    #expect(outcome.errors.count { $0 == "\n" } == 1)
    #expect(outcome.output.hasPrefix("bundled, standard input text: 40 prompt tokens "))
    let other = workshop.run(words + ["--model", "@/bytes"], input: english)
    #expect(other.status == 0 && other.errors.isEmpty, "\(other.errors)")
    let document = workshop.run(["document", "--tokens", "96"])
    let task = workshop.run(words, input: Array(document.output.utf8))
    #expect(task.status == 0 && task.errors.isEmpty, "\(task.errors)")
  }

  @Test("without a model's name the one at hand is compared")
  func atHand() throws {
    let workshop = try Workshop()
    let environment = ["KVPOLICY_MODEL": workshop.byteModel]
    let outcome = workshop.run(
      ["compare", "--json", "-"] + CompareCommandTests.small, environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try report(outcome.output).model == "bytes")
    #expect(try report(outcome.output).policies.count == 5)
  }

  @Test("a model without a command's name is compared", arguments: [true, false])
  func unnamed(attached: Bool) throws {
    let workshop = try Workshop()
    let model = attached ? ["--model=@/bytes"] : ["--model", "@/bytes"]
    let outcome = workshop.run(CompareCommandTests.small + ["--json", "-"] + model)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try report(outcome.output).policies.count == 5)
  }

  @Test(
    "where no model is, the bundled one is compared; its name says so too",
    arguments: [[], ["--model", "bundled"]])
  func bundled(_ model: [String]) throws {
    let workshop = try Workshop()
    let outcome = workshop.run(["compare", "--json", "-"] + model + CompareCommandTests.small)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try report(outcome.output).model == "bundled")
  }

  @Test("the first model of the folder Models is at hand")
  func models() throws {
    let workshop = try Workshop()
    try FileManager.default.createDirectory(
      atPath: workshop.folder + "/Models", withIntermediateDirectories: true)
    for name in ["b.gguf", "a.gguf", "0.txt"] { try workshop.write("Models/" + name, "no model") }
    let outcome = workshop.run(["compare"])
    #expect(outcome.status == 1 && outcome.errors.contains("Models/a.gguf"), "\(outcome.errors)")
  }

  @Test("configurations come after the named policies, under their files' names")
  func configurations() throws {
    let workshop = try Workshop()
    try workshop.write("h2o.json", #"{"policy": "h2o", "heavy": 3, "recent": 5}"#)
    let outcome = workshop.run(
      [
        "compare", "--model", "@/bytes", "--policies", "h2o", "--config", "@/tova.json",
        "--config", "@/h2o.json", "--json", "-",
      ] + CompareCommandTests.small)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let policies = try report(outcome.output).policies
    #expect(policies.map(\.label) == ["h2o", "tova", "h2o-2"])
    #expect(policies.map(\.rowsPerLaneMost) == [16, 8, 8])
    #expect(policies[1].configuration == ["policy": "tova", "capacity": 8])
    #expect(policies.map(\.budget) == [16, nil, nil] && policies[2].takesBudget == nil)
  }

  @Test("budgets can be rows, bytes and shares, and the table marks what grows")
  func budgets() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      [
        "compare", "--model", "@/bytes", "--policies", "h2o,snapkv,full", "--json", "@/out.json",
        "--prompt-tokens", "40", "--decode-tokens", "8", "--threads", "1", "--budget",
        "12,2KiB,1/2",
      ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let policies = try report(workshop.read("out.json")).policies
    #expect(policies.map(\.label) == ["h2o", "snapkv", "full", "h2o", "snapkv", "h2o", "snapkv"])
    #expect(policies.map(\.budgetBytes) == [nil, nil, nil, 2048, 2048, nil, nil])
    #expect(policies.map(\.grows) == [false, true, true, false, true, false, true])
    let rows = policies.map { $0.budget ?? 0 }
    #expect(rows[0] == 12 && rows[2] == 0 && rows[5] == 20 && rows[6] == 20)
    // H2O has a float a row beside its keys and values, SnapKV nothing.
    #expect(rows[3] > 0 && rows[3] < rows[4])
    #expect(policies[3].rowsPerLaneMost == rows[3])
    for policy in policies { #expect(policy.meanResidentBytes <= policy.peakResidentBytes) }
    let cells = outcome.output.split(separator: "\n").map {
      $0.split(separator: " ").prefix(3).joined(separator: " ")
    }
    for line in ["h2o 12 12", "snapkv 12+ 20", "h2o 2.0 KiB", "snapkv 2.0 KiB+", "full + 48"] {
      #expect(cells.contains { line.hasPrefix($0) || $0.hasPrefix(line) }, "\(line)")
    }
    #expect(
      outcome.output.contains("12 and 20 rows per lane; 2.0 KiB per sequence; full takes none"))
  }

  @Test("'all' is every policy")
  func all() throws {
    let outcome = try Workshop().run(
      ["compare", "--model", "@/bytes", "--policies", "all", "--json", "-"]
        + CompareCommandTests.small)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let needing = try PolicyRegistry.all.names.filter {
      try !PolicyRegistry.all.neededArtifacts(of: $0).isEmpty
    }
    #expect(needing.contains("duoattention"))
    #expect(
      try report(outcome.output).policies.map(\.label)
        == PolicyRegistry.all.names.filter { !needing.contains($0) })
    for name in needing {
      let note = "kvpolicy: \(name) is not run: it needs an artifact"
      #expect(outcome.errors.contains(note), "\(outcome.errors)")
    }
    #expect(outcome.errors.count { $0 == "\n" } == needing.count)
  }

  @Test("what takes no budget is named under the table and in the files")
  func withoutBudget() throws {
    let workshop = try Workshop()
    try workshop.write("last.json", #"{"policy": "last", "rows": 9}"#)
    let outcome = workshop.run(
      [
        "compare", "--model", "@/bytes", "--policies", "whole,last,full", "--config", "@/last.json",
        "--json", "@/out.json", "--csv", "@/out.csv",
      ] + CompareCommandTests.small,
      registry: PolicyRegistry([Everything.self, Whole.self, Last.self]))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("  16 rows per lane; whole and full take none; "))
    let policies = try report(workshop.read("out.json")).policies
    #expect(policies.map(\.label) == ["whole", "last", "full", "last-2"])
    #expect(policies.map(\.takesBudget) == [false, true, false, nil])
    #expect(policies.map(\.budget) == [nil, 16, nil, nil])
    let lines = try workshop.read("out.csv").split(separator: "\n")
    #expect(lines[0].hasSuffix(",grows,meanResidentBytes,readRows,readBytes"))
    #expect(
      zip(
        lines.dropFirst(), [",,false,,true,", ",16,true,,false,", ",,false,,true,", ",,,,false,"]
      )
      .allSatisfy { line, part in line.contains(part) })
  }

  @Test("a text can come from standard input, and CSV can go to standard output")
  func streams() throws {
    let workshop = try Workshop()
    let words = [
      "compare", "--model", "@/bytes", "--text", "-", "--policies", "full", "--csv", "-",
    ]
    let outcome = workshop.run(
      words + CompareCommandTests.small, input: Array(String(repeating: "abcd", count: 16).utf8))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("label,configuration,rowsPerLaneLeast,"))
  }

  @Test("a person sees a bar that is taken away at the end")
  func bar() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      ["compare", "--model", "@/bytes", "--policies", "h2o"] + CompareCommandTests.small,
      interactive: true)
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("[###############.........] 2/2 h2o 40/64"))
    #expect(outcome.errors.hasSuffix(" \r") && !outcome.errors.contains("\n"))
  }

  @Test("files are written although nobody reads the table")
  func closedOutput() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      ["compare", "--model", "@/bytes", "--policies", "full", "--json", "@/out.json"]
        + CompareCommandTests.small, closesAfter: 0)
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(try report(workshop.read("out.json")).policies.count == 1)
  }

  @Test("a policy of one's own is compared like the others")
  func ownPolicy() throws {
    let workshop = try Workshop()
    let outcome = workshop.run(
      ["compare", "--model", "@/bytes", "--policies", "last", "--json", "-"]
        + CompareCommandTests.small, registry: PolicyRegistry([Everything.self, Last.self]))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try report(outcome.output).policies.map(\.rowsPerLaneMost) == [16])
  }
}
