import Foundation
import KVPolicyKit
import KVPolicyTesting
import Policies
import Testing

/// One run of a policy over the toy model, as `Fixtures/golden/make_golden.py` computed it.
struct GoldenCase: Decodable, Sendable, CustomTestStringConvertible {
  let policy: String
  let settings: JSONValue
  let prompt: Int
  /// The moment of the first entry of `kept`: 0 for the end of the prompt, 1 for the first step.
  let first: Int
  /// Moments × key heads × positions kept.
  let kept: [[[Int]]]

  var testDescription: String { "\(policy) \(settings.text)" }

  static func load() throws -> [GoldenCase] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appending(path: "Fixtures/golden/policies.json"))
    return try JSONDecoder().decode([GoldenCase].self, from: data)
  }

  /// The toy model: two key heads, four query heads, no rotation.
  static let toy = SyntheticAttention(
    shape: CacheShape(layers: 1, keyHeads: 2, queryHeads: 4, headDimension: 4),
    query: { _, h, t in
      (0..<4).map { Float(2 * cos(0.4 * Double(t) + 0.9 * Double($0) + 0.5 * Double(h))) }
    },
    key: { _, g, t in
      (0..<4).map { Float(sin(0.7 * Double(t) + 1.3 * Double($0) + 0.9 * Double(g))) }
    },
    value: { _, _, t in [Float(t), 1, 0, 0] })
}

@Suite("The golden vectors") struct GoldenTests {
  @Test("are what the policies keep, whole prompts or in chunks", arguments: [1, 3, 100])
  func golden(chunk: Int) throws {
    let cases = try GoldenCase.load()
    #expect(cases.count == 10)
    for golden in cases {
      guard case .object(var settings) = golden.settings else {
        Issue.record("no settings in \(golden)")
        continue
      }
      if golden.policy == "morphkv" {
        settings.merge(["votes": "exact", "prunePrompt": "atFirstDecode"]) { given, _ in given }
      }
      let policy = try PolicyRegistry.all.make(golden.policy, settings)
      let engine = try PlainEngine(GoldenCase.toy, policy: policy)
      try engine.read(golden.prompt, chunk: chunk)
      try engine.step(golden.kept.count + golden.first - 1)
      #expect(
        engine.kept.suffix(golden.kept.count) == golden.kept[...], "\(golden.testDescription)")
    }
  }
}
