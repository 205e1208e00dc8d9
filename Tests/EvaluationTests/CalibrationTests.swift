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

  /// Notes the un-rotated queries and keys of every layer.
  private struct Noter: KVCachePolicy {
    static let name = "noter"
    static let summary = "notes queries and keys"
    static let source = "a test"

    /// By layer and key head, the sums of the keys and then of each query head's queries.
    var sums: [Int: [[Double]]] = [:]

    init() {}
    init(_ settings: inout Settings) throws(PolicyError) {}
    static func settings(budget: Amount) -> [String: JSONValue]? { nil }
    var signals: Set<Signal> { [.queries(.raw)] }
    // Keys are stored before they are rotated.
    var positions: PositionRule { .compacted }

    mutating func prefill(_ layer: borrowing LayerView) {
      let width = layer.shape.headDimension
      for head in 0..<layer.shape.keyHeads {
        let lane = layer.lane(head)
        var vectors = Array(
          repeating: [Double](repeating: 0, count: width), count: 1 + lane.group)
        lane.forEachKey(of: Array(0..<lane.count)) { _, key in
          for element in 0..<width { vectors[0][element] += Double(key[element]) }
        }
        for query in 0..<lane.group {
          for token in 0..<lane.queryCount {
            let vector = lane.query(token, head: query, .raw)
            for element in 0..<width { vectors[1 + query][element] += Double(vector[element]) }
          }
        }
        sums[layer.layer * layer.shape.keyHeads + head] = vectors
      }
    }

    mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
  }

  @Test("of mean queries says how far back they attend to the mean key, recomputed plainly")
  func meanQuery() throws {
    var calibration = calibration(.duoattention)
    calibration.headMeasure = .meanQuery
    calibration.tokens = 150
    let table = try #require(calibration.run(text).tensors[Artifact.table])
    let model = LlamaModel(files)
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: .f32))
    let session = model.makeSession(
      store.makeSequence(try PolicyAssignment(Noter(), shape: model.shape)))
    try session.prefill(Array(text.prefix(150)))
    let sums = try #require(session.sequence.policy(ofLayer: 0) as? Noter).sums
    #expect(table.shape == [3, 2] && sums.count == 6)
    let (width, base) = (model.shape.headDimension, model.configuration.rope.theta)
    for (lane, vectors) in sums {
      let means = vectors.map { $0.map { $0 / 150 } }
      let shares = means.dropFirst().map { query in
        let weights = (0..<500).map { position in
          // The turns by two positions leave the turn by their distance.
          let logit = (0..<width / 2).reduce(0.0) { sum, pair in
            let angle = Double(499 - position) * pow(base, -2 * Double(pair) / Double(width))
            let (a, b) = (query[pair], query[pair + width / 2])
            let (x, y) = (means[0][pair], means[0][pair + width / 2])
            return sum + cos(angle) * (a * x + b * y) + sin(angle) * (a * y - b * x)
          }
          return exp(logit / Double(width).squareRoot())
        }
        let attended = weights.enumerated().map { $1 * Double(500 - $0) / 500 }
        return attended.reduce(0, +) / weights.reduce(0, +)
      }
      let want = shares.reduce(0, +) / Double(shares.count)
      #expect(abs(Double(table.values[lane]) - want) < 1e-4)
    }
    #expect(Set(table.values).count == 6)
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
