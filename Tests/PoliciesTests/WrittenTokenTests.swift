import KVPolicyKit
import KVPolicyTesting
import TestSupport
import Testing

@testable import Policies

/// Write-Gated KV and KVzap, which judge a token by what is written of it.
@Suite("Policies that judge tokens when they are written") struct WrittenTokenTests {
  private let shape = CacheShape(layers: 2, keyHeads: 3, queryHeads: 6, headDimension: 8)

  /// Runs a policy over a prompt and some steps.
  private func run(
    _ name: String, _ settings: [String: JSONValue], prompt: Int, steps: Int = 0
  ) throws -> PlainEngine {
    let policy = try PolicyRegistry.tried(on: shape).make(name, settings, shape: shape)
    let engine = try PlainEngine(
      .random(shape: shape, seed: 5, rotaryBase: 100), policy: policy,
      store: StoreConfiguration(pageRows: 4, format: .f32))
    try engine.read(prompt)
    try engine.step(steps)
    return engine
  }

  @Test(
    "forget all that they refuse: what is left are the pages of a window, however long the text",
    arguments: [
      ("wgkv", ["gates": "gate", "window": 10, "threshold": 1, "prefillTile": 8]),
      ("kvzap", ["predictor": "predictor", "window": 10, "threshold": 1e6]),
    ] as [(String, [String: JSONValue])])
  func refusedPages(name: String, settings: [String: JSONValue]) throws {
    let window = try run(name, settings, prompt: 10).sequence.statistics
    #expect(window.pagesHeld == shape.lanes * 3)
    for (prompt, steps) in [(200, 0), (10, 190), (400, 37)] {
      let engine = try run(name, settings, prompt: prompt, steps: steps)
      let held = engine.sequence.statistics
      #expect(held.pagesHeld == window.pagesHeld && held.rowsLive == window.rowsLive)
      // Columns keep room for two pages more than the rows fill.
      let room = shape.lanes * 2 * 4 * MemoryLayout<Float>.size
      #expect(held.policyStateBytes <= window.policyStateBytes + room)
      let end = prompt + steps
      #expect(engine.keptNow == Array(repeating: Array(end - 10..<end), count: shape.lanes))
    }
  }

  @Test("keep all that they admit, and then compute the bits of the full cache")
  func admitted() throws {
    let full = try run("full", [:], prompt: 40, steps: 20)
    let gated = try run(
      "wgkv", ["gates": "gate", "window": 4, "threshold": 0, "floor": 0, "prefillTile": 40],
      prompt: 40, steps: 20)
    let predicted = try run(
      "kvzap", ["predictor": "predictor", "window": 1, "threshold": -1e6], prompt: 40, steps: 20)
    #expect(gated.outputs == full.outputs && predicted.outputs == full.outputs)
    #expect(gated.keptNow == full.keptNow && predicted.keptNow == full.keptNow)
  }

  @Test("judge a token once: an admitted row never goes, and lanes differ")
  func once() throws {
    for (name, settings) in [
      ("wgkv", ["gates": "gate", "window": 5, "threshold": 0.8, "prefillTile": 7]),
      ("kvzap", ["predictor": "predictor.linear", "window": 5, "threshold": 0.5]),
    ] as [(String, [String: JSONValue])] {
      let engine = try run(name, settings, prompt: 60, steps: 40)
      let early = engine.kept.map { $0.map { Set($0.filter { $0 < 50 }) } }
      let end = early[early.count - 1]
      // The tokens below 50 are outside the window when the prompt ends.
      #expect(early.suffix(41).allSatisfy { $0 == end })
      #expect(end.allSatisfy { !$0.isEmpty && $0.count < 50 } && Set(end).count > 1)
    }
  }

  @Test("in tiles, show a prompt's token the window of the tile's first token")
  func tiles() throws {
    let settings: [String: JSONValue] = [
      "gates": "gate", "window": 6, "threshold": 1, "prefillTile": 4,
    ]
    let engine = try run("wgkv", settings, prompt: 23)
    // Between two tiles a lane holds the window of the next token, without the token.
    for (tile, kept) in engine.kept.dropLast().enumerated() {
      let next = 4 * (tile + 1)
      #expect(kept == Array(repeating: Array(max(0, next - 5)..<next), count: shape.lanes))
    }
    #expect(engine.kept.last?.first == Array(17..<23))
  }

  @Test("that judge only prompts keep the last window and all decoded tokens")
  func promptOnly() throws {
    let engine = try run(
      "kvzap",
      ["predictor": "predictor.linear", "window": 6, "threshold": 1e6, "decoding": false],
      prompt: 40, steps: 30)
    #expect(engine.keptNow == Array(repeating: Array(34..<70), count: shape.lanes))
  }

  @Test("read a key's elements in the order of the model that gates are trained on")
  func elementOrder() {
    let weights: [Float] = [1, 1, 1, 1, 2]
    func normed(_ key: [Float], _ pairing: Rotation.Pairing?) -> [Float] {
      KeyGates.normed(
        key.span, weights,
        pairing.map { Rotation(inverseFrequencies: [1, 0.1], pairing: $0) })
    }
    // Pairs 0 and 2, 1 and 3 of a half each; the last element belongs to no pair.
    let halves = normed([1, 2, 3, 4, 5], .halves)
    #expect(halves == normed([1, 3, 2, 4, 5], .neighbours))
    #expect(halves == normed([1, 2, 3, 4, 5], nil))
    #expect(abs(halves[4] - 10 / Float(11).squareRoot()) < 1e-6)
  }

  @Test(
    "refuse networks of other sizes, and numbers that are none",
    arguments: [
      ("gates", "model.layers.0.self_attn.g_predictors.conv1.weight", [9, 8, 1], "9 × 16 × 1"),
      ("gates", "model.layers.1.self_attn.g_predictors.conv2.weight", [2, 3, 1], "3 × any × 1"),
      ("gates", "model.layers.1.self_attn.g_predictors.pre_key_norm.weight", [4], "needs 8"),
      ("predictor", "layers.0.0.weight", [3], "any × any"),
      ("predictor", "layers.1.0.weight", [3, 47], "3 × 48"),
      ("predictor", "layers.1.2.bias", [4], "needs 3"),
    ])
  func refusals(setting: String, tensor: String, wrong: [Int], fragment: String) throws {
    let (policy, kind) = setting == "gates" ? ("wgkv", "gate") : ("kvzap", "predictor")
    let whole = try RandomArtifacts(shape).artifact(at: kind)
    func refusal(_ change: (inout [String: Tensor]) -> Void) -> String? {
      var tensors = whole.tensors
      change(&tensors)
      var registry = PolicyRegistry.all
      registry.artifacts = OneArtifact(
        artifact: Artifact(kind: kind, digest: whole.digest, tensors: tensors))
      do throws(PolicyError) {
        _ = try registry.make(policy, [setting: "file"], shape: shape)
        return nil
      } catch { return error.description }
    }
    #expect(refusal { _ in } == nil)
    #expect(refusal { $0[tensor] = nil }?.contains("has no tensor") == true)
    let values = [Float](repeating: 1, count: wrong.reduce(1, *))
    let other = refusal { $0[tensor] = Tensor(shape: wrong, values: values) }
    #expect(other?.contains(fragment) == true, "\(other ?? "accepted")")
    let right = try #require(whole.tensors[tensor])
    let infinite = refusal {
      $0[tensor] = Tensor(shape: right.shape, values: [.infinity] + right.values.dropFirst())
    }
    #expect(infinite?.contains("not finite") == true, "\(infinite ?? "accepted")")
  }
}

private struct OneArtifact: ArtifactSource {
  let artifact: Artifact
  func artifact(at path: String) throws(ArtifactError) -> Artifact { artifact }
}
