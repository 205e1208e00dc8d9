import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

/// SmolLM2 as `transformers` computes it in float32 from the same file (`Scripts/parity.py` wrote
/// the fixture). Runs only after `Scripts/fetch_model.sh`.
@Suite("SmolLM2 gives the logits of transformers", .enabled(if: RealModel.isThere))
struct ParityTests {
  @Test("at every position, and the same 48 greedy tokens", arguments: 0..<6)
  func parity(_ index: Int) throws {
    let fixture = try Fixture.load()
    let (one, model) = (fixture.cases[index], try RealModel.load())
    let session = try makeSession(model, PolicyConfiguration("full"))
    var worst: Float = 0
    func compare(_ position: Int, _ logits: Span<Float>) {
      for (place, want) in one.logits[position].enumerated() {
        worst = max(worst, abs(logits[place * fixture.stride] - want))
      }
    }
    try session.prefill(Array(one.tokens[..<one.promptLength]), eachToken: compare)
    for position in one.promptLength..<one.tokens.count {
      #expect(Sampler.largest(session.logits) == one.tokens[position], "at \(position)")
      try session.decode(one.tokens[position])
      compare(position, session.logits)
    }
    #expect(worst <= 0.01)
  }

  /// The tokens of one case.
  static func text(_ index: Int) throws -> [Int] { try Fixture.load().cases[index].tokens }

  private struct Fixture: Decodable {
    struct Case: Decodable {
      let promptLength: Int
      let tokens: [Int]
      let logits: [[Float]]
    }
    let stride: Int
    let cases: [Case]

    static func load() throws -> Fixture {
      let path = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Fixtures/parity/smollm2.json").standardizedFileURL
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: path))
    }
  }
}

/// The downloaded model, if it exists.
enum RealModel {
  static let path = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Models/SmolLM2-135M-Instruct.Q4_1.gguf").standardizedFileURL.path()
  static var isThere: Bool { FileManager.default.fileExists(atPath: path) }
  static func load() throws -> LlamaModel { LlamaModel(try ModelFiles.open(path)) }
}
