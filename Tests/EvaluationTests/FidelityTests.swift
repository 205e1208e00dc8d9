import BundledModel
import Foundation
import KVPolicyKit
import MiniTasks
import Policies
import ReferenceModel
import Testing

@testable import Evaluation

@Suite("Fidelity inside the model, and the ceiling")
struct FidelityTests {
  /// Tokens that repeat only after 61 tokens.
  private let tokens = (0..<80).map { $0 * $0 * 7 % 61 }

  private func comparison(threads: Int = 1) throws -> Comparison {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/oracle/models/llama").path
    let model = LlamaModel(try ModelFiles.open(folder), threads: threads)
    var comparison = Comparison(model: model, registry: .all)
    (comparison.promptTokens, comparison.decodeTokens) = (48, 32)
    comparison.store = StoreConfiguration(format: .f32)
    comparison.measuresFidelity = true
    return comparison
  }

  private func oracle(_ rows: Double) -> PolicyEntry {
    PolicyEntry(PolicyConfiguration("oracle", ["capacity": .number(rows)]))
  }

  @Test("what keeps all the text has no error, and keeps what full attention keeps")
  func roomy() throws {
    let roomy = PolicyConfiguration("h2o", ["heavy": 100, "recent": 100])
    let tova = PolicyConfiguration("tova", ["capacity": 12])
    let report = try comparison().run(
      [.init(PolicyConfiguration("full")), .init(roomy), oracle(100), .init(tova)], tokens: tokens)
    let fidelity = try #require(report.fidelity)
    for policy in 0..<3 {
      #expect(fidelity.outputErrors[policy].allSatisfy { $0 == 0 })
      #expect(fidelity.overlapAtEnd[policy].prefix(3) == [1, 1, 1])
      #expect(fidelity.overlapAfterPrompt[policy].prefix(3) == [1, 1, 1])
      #expect(abs(fidelity.overlapAfterPrompt[policy][3] - 12.0 / 48) < 1e-12)
      #expect(abs(fidelity.overlapAtEnd[3][policy] - 12.0 / 80) < 1e-12)
    }
    #expect(fidelity.outputErrors[3].allSatisfy { $0 > 0 })
    #expect(fidelity.overlapAtEnd[3][3] == 1)
    #expect(report.policies[2].meanDivergence == 0)
  }

  @Test("is nil where it is not measured, and survives JSON where it is")
  func optional() throws {
    var comparison = try comparison()
    let measured = try comparison.run([oracle(9)], tokens: tokens)
    #expect(try ComparisonReport(json: measured.json()) == measured)
    #expect(
      measured.table.contains("attention output") && measured.table.contains("kept at the end"))
    comparison.measuresFidelity = false
    let plain = try comparison.run([oracle(9)], tokens: tokens)
    #expect(plain.fidelity == nil && !plain.table.contains("attention output"))
    #expect(plain.policies[0].meanDivergence == measured.policies[0].meanDivergence)
    #expect(plain.policies[0].rowsPerLaneMost == 9)
  }

  @Test("does not depend on the number of threads")
  func threads() throws {
    let entries = [oracle(9), PolicyEntry(PolicyConfiguration("tova", ["capacity": 9]))]
    let one = try comparison().run(entries, tokens: tokens)
    let two = try comparison(threads: 2).run(entries, tokens: tokens)
    #expect(one.fidelity == two.fidelity)
    #expect(one.policies.map(\.meanDivergence) == two.policies.map(\.meanDivergence))
  }

  @Test("the oracle takes its own setting only, and is nobody else's policy")
  func refusals() throws {
    let comparison = try comparison()
    for text in [
      #"{"policy": "oracle", "capacity": 0}"#, #"{"policy": "oracle", "chunk": 4}"#,
      #"{"policy": "oracle", "layers": {"0": {"capacity": 4}}}"#,
    ] {
      let entry = PolicyEntry(try PolicyConfiguration(parsing: text))
      #expect(throws: PolicyError.self, "\(text)") { try comparison.run([entry], tokens: tokens) }
    }
    #expect(!PolicyRegistry.all.names.contains("oracle"))
  }

  @Test("the attention to come is the sum of the weights from a step on, in blocks too")
  func masses() {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 2, headDimension: 4)
    // Step s pays s + 1 to token 0 from one head and 10 to token 1 from the other head.
    func weights(_ step: Int) -> [[[Float]]] { [[[Float(step + 1), 0], [0, 10]]] }
    let fine = FutureMasses(shape, steps: 4, tokens: 2, weights: weights)
    #expect((0..<4).map { fine.mass(lane: 0, position: 0, from: $0) } == [10, 9, 7, 4])
    #expect((0..<5).map { fine.mass(lane: 0, position: 1, from: $0) } == [40, 30, 20, 10, 10])
    let coarse = FutureMasses(shape, steps: 4, tokens: 2, mostBytes: 16, weights: weights)
    #expect(coarse.blockSteps == 2)
    #expect((0..<4).map { coarse.mass(lane: 0, position: 0, from: $0) } == [10, 10, 7, 7])
  }

  @Test("on a document of the tasks the oracle is closer to full attention than the others are")
  func ceiling() throws {
    let files = try BundledModel.open()
    let document = try TaskComparison.document(
      0, seed: TaskComparison.Default.seed, TaskComparison.Default.kind, tokens: 1024)
    var comparison = Comparison(model: LlamaModel(files), registry: .all)
    (comparison.promptTokens, comparison.decodeTokens) = (512, 96)
    let floors: [any KVCachePolicy.Type] = [RandomEviction.self, StreamingLLM.self]
    let others = try floors.map { type in
      PolicyEntry(PolicyConfiguration(type.name, try type.settings(budget: .rows(48)) ?? [:]))
    }
    let report = try comparison.run([oracle(48)] + others, tokens: document.tokens)
    let divergences = report.policies.map(\.meanDivergence)
    #expect(divergences[0] < divergences[1] && divergences[0] < divergences[2], "\(divergences)")
  }
}
