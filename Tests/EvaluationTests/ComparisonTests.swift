import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

@Suite("Comparison on a small model")
struct ComparisonTests {
  private let model: LlamaModel

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/oracle/models/llama").path
    model = LlamaModel(try ModelFiles.open(folder), threads: 1)
  }

  /// Tokens that repeat only after 61 tokens.
  private let tokens = (0..<80).map { $0 * $0 * 7 % 61 }

  private func comparison() -> Comparison {
    var comparison = Comparison(model: model, registry: .all)
    (comparison.promptTokens, comparison.decodeTokens) = (48, 32)
    comparison.store = StoreConfiguration(format: .f32)
    return comparison
  }

  @Test("a policy that keeps all the text is full attention by every measure")
  func roomy() throws {
    let roomy = PolicyConfiguration("h2o", ["heavy": 100, "recent": 100])
    let report = try comparison().run(
      [.init(PolicyConfiguration("full")), .init(roomy)], tokens: tokens)
    let (full, h2o) = (report.policies[0], report.policies[1])
    #expect(h2o.perplexity == full.perplexity)
    #expect(h2o.meanDivergence == 0 && h2o.topAgreement == 1 && h2o.footprint == 1)
    #expect(h2o.rowsPerLaneLeast == 80 && full.rowsPerLaneMost == 80)
    #expect(h2o.policyStateBytes > 0 && full.policyStateBytes == 0)
    #expect(h2o.saving < 0, "its columns cost memory, and that is shown")
  }

  @Test("perplexity and divergence are those that the logits of two traces give")
  func againstTraces() throws {
    let tova = PolicyConfiguration("tova", ["capacity": 12])
    let report = try comparison().run([.init(tova)], tokens: tokens)
    let (full, other) = (try trace(PolicyConfiguration("full")), try trace(tova))
    var fidelity = Fidelity()
    for step in 0...32 {
      let (mine, theirs) = (row(full, step), row(other, step))
      if step < 32 { fidelity.predict(tokens[48 + step], from: theirs.span) }
      if step > 0 { fidelity.compare(mine.span, with: theirs.span) }
    }
    #expect(report.policies.count == 1)
    #expect(report.policies[0].perplexity == fidelity.perplexity)
    #expect(report.policies[0].meanDivergence == fidelity.meanDivergence)
    #expect(report.policies[0].topAgreement == fidelity.topAgreement)
    #expect(report.policies[0].meanDivergence > 0)
  }

  @Test("a comparison tells what is held in which format, and only of codecs")
  func tiers() throws {
    let settings: [String: JSONValue] = ["groupSize": 8, "residual": 16, "keyBits": 4]
    let kivi = PolicyConfiguration("kivi", settings)
    let report = try comparison().run(
      [.init(PolicyConfiguration("full")), .init(kivi)], tokens: tokens)
    let (full, coded) = (report.policies[0], report.policies[1])
    let tiers = try #require(coded.tiers)
    let lanes = model.shape.lanes
    // Of 80 rows all keys are coded, in blocks of 16, and all values but 16.
    #expect(full.tiers == nil && tiers.map(\.name) == ["f32", "4/2-bit"])
    #expect(
      tiers.map(\.keys) == [0, 80 * lanes] && tiers.map(\.values) == [16 * lanes, 64 * lanes])
    let bytes = tiers.reduce(0) { $0 + $1.bytes }
    #expect(bytes < coded.residentBytes && bytes > coded.residentBytes / 2)
    #expect(report.wideTable.contains("f32 0+16 ") && report.wideTable.contains(", 4/2-bit 80+64 "))
    #expect(!report.table.contains("4/2-bit"))
    let json = try report.json()
    #expect(json.components(separatedBy: "\"tiers\"").count == 2)
    #expect(try ComparisonReport(json: json) == report)
  }

  @Test("a trace is one text, whether it is collected or written moment by moment")
  func traceText() throws {
    let tova = PolicyConfiguration("tova", ["capacity": 3])
    let text = try trace(tova).json(configuration: tova)
    #expect(
      text.hasPrefix(
        """
        {
          "configuration": {"capacity":3,"policy":"tova"},
          "promptLength": 48,
          "steps": \(tokens.count - 48),
          "kept": {
            "0": [[[
        """))
    #expect(text.contains("]]],\n    \"1\": [[["))
    #expect(text.contains("]]]\n  },\n  \"statistics\": {\"footprint\":"))
    #expect(text.hasSuffix("}\n}\n"))
    let parts = TraceText(configuration: tova, promptLength: 1, steps: 1)
    let state = parts.state([[[0, 9, 10], []], [[1_234_567, 100], [7]]], step: 3)
    #expect(
      String(decoding: state, as: UTF8.self)
        == ",\n    \"3\": [[[0, 9, 10], []], [[1234567, 100], [7]]]")
  }

  private func trace(_ configuration: PolicyConfiguration) throws -> Trace {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let sequence = store.makeSequence(
      try configuration.makePolicies(.all, shape: model.shape))
    return try Trace(model.makeSession(sequence), tokens: tokens, promptLength: 48)
  }

  private func row(_ trace: Trace, _ step: Int) -> [Float] {
    Array(trace.logits[step * trace.vocabulary..<(step + 1) * trace.vocabulary])
  }

  @Test("in integer arithmetic, full attention is compared with itself in exact arithmetic")
  func integers() throws {
    var comparison = Comparison(
      model: LlamaModel(model, arithmetic: .integer), registry: .all)
    (comparison.promptTokens, comparison.decodeTokens) = (48, 32)
    var runs: [Int] = []
    let report = try comparison.run([.init(PolicyConfiguration("full"))], tokens: tokens) {
      runs.append($0.run)
      #expect($0.runs == 2)
    }
    #expect(Set(runs) == [0, 1])
    #expect(report.arithmetic == .integer)
    #expect(report.policies.map(\.label) == ["full, exact", "full"])
    // The model's weights are floats, so integer arithmetic does not apply.
    #expect(report.policies[1].perplexity == report.policies[0].perplexity)
    #expect(report.policies[1].meanDivergence == 0)
    #expect(report.table.contains("1 thread, integer arithmetic\n"))
  }

  @Test("full attention runs once, first, also where it is not asked for")
  func progress() throws {
    var labels: [String] = []
    let entries = ["tova", "full", "h2o"].map { PolicyEntry(PolicyConfiguration($0)) }
    let report = try comparison().run(entries, tokens: tokens) { progress in
      #expect(progress.runs == 3 && progress.totalTokens == 80)
      if labels.last != progress.label { labels.append(progress.label) }
    }
    #expect(labels == ["full", "tova", "h2o"])
    #expect(report.policies.map(\.label) == ["tova", "full", "h2o"])
  }

  @Test("a mistake is found before anything runs")
  func mistakes() {
    let entry = PolicyEntry(PolicyConfiguration("tova", ["capacity": 0]))
    #expect(throws: PolicyError.self) {
      try comparison().run([entry], tokens: tokens) { _ in Issue.record("it ran") }
    }
    #expect(throws: ModelError.self) {
      try comparison().run([], tokens: Array(tokens.prefix(79))) { _ in Issue.record("it ran") }
    }
  }

  @Test("a configuration is written as it is read")
  func configurations() throws {
    let text =
      #"{"capacity":9,"layers":{"0-1":{"policy":"full"},"2":{"capacity":4}},"policy":"tova"}"#
    let configuration = try PolicyConfiguration(parsing: text)
    #expect(try PolicyConfiguration(configuration.value) == configuration)
  }

  @Test("the built-in story is long enough for the standard sizes at a token per word")
  func story() {
    #expect(BuiltInText.story.split(separator: " ").count >= 768 + 256)
  }
}
