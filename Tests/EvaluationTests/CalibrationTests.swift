import Evaluation
import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@Suite("A calibration")
struct CalibrationTests {
  private let files: ModelFiles
  private let text = (0..<200).map { ($0 * 37 + $0 / 5 * 11 + 3) % 64 }

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/oracle/models/llama").path
    files = try ModelFiles.open(folder)
  }

  private func calibration(_ policy: Calibration.Policy, threads: Int = 1) -> Calibration {
    var calibration = Calibration(policy, model: LlamaModel(files, threads: threads))
    calibration.tokens = 160
    calibration.textName = "numbers"
    return calibration
  }

  @Test(
    "measures the same with any number of threads, and its policy runs with the result",
    arguments: Calibration.Policy.allCases)
  func result(_ policy: Calibration.Policy) throws {
    var shown: [RunProgress] = []
    let result = try calibration(policy).run(text) { shown.append($0) }
    #expect(try calibration(policy, threads: 2).run(text) == result)
    #expect(shown.count > 1 && shown.allSatisfy { $0.totalTokens == 160 })
    #expect(result.recipe.contains("160") && result.recipe.contains("numbers"))
    #expect(result.tensors.values.allSatisfy { $0.values.allSatisfy { $0.isFinite && $0 >= 0 } })

    let model = LlamaModel(files)
    let bytes = ArtifactFiles.bytes(
      kind: result.kind, model: model.identity, recipe: result.recipe, tensors: result.tensors)
    let path = FileManager.default.temporaryDirectory
      .appending(path: "\(UUID().uuidString).safetensors")
    try Data(bytes).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    var registry = PolicyRegistry.all
    registry.artifacts = ArtifactFiles()
    let setting = try #require(registry.neededArtifacts(of: policy.rawValue).first).name
    let configuration = PolicyConfiguration(policy.rawValue, [setting: .string(path.path())])
    _ = try model.makeSession(
      configuration, registry: registry, in: PagedKVStore(shape: model.shape))
    let other = ModelIdentity(name: "other", digest: String(repeating: "0", count: 64))
    #expect(throws: PolicyError.self) {
      try configuration.makePolicies(registry, shape: model.shape, model: other)
    }
  }

  @Test("of one head's streaming finds that it matters, and the largest number is 1")
  func ablation() throws {
    let table = try #require(calibration(.duoattention).run(text).tensors[Artifact.table])
    #expect(table.shape == [3, 2])
    #expect(table.values.max() == 1 && Set(table.values).count == 6)
  }

  @Test("refuses texts that are too short, and more tokens than the model reads")
  func lengths() throws {
    var short = calibration(.duoattention)
    short.tokens = 68
    var long = calibration(.baklava)
    long.tokens = 100_000
    for calibration in [short, long] {
      #expect(throws: ModelError.self) { try calibration.run(text) }
    }
    #expect(throws: ModelError.self) { try calibration(.baklava).run(Array(text.prefix(159))) }
    #expect(throws: (any Error).self) {
      try calibration(.baklava).run(Array(repeating: 64, count: 160))
    }
  }
}
