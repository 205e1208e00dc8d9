import Foundation
import KVPolicyKit
import Policies
import ReferenceModel
import Testing

@Suite("Rows in q8_0")
struct QuantizedRowsTests {
  private let model: LlamaModel

  /// The tiny Llama's matrices, read as two query heads and one key head of 32 elements instead of
  /// four query heads and two key heads of 16.
  init() throws {
    let source = URL(filePath: OracleCase.root + "/models/llama")
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(
      at: source.appending(path: "model.safetensors"),
      to: folder.appending(path: "model.safetensors"))
    var configuration = try String(
      contentsOf: source.appending(path: "config.json"), encoding: .utf8)
    for (old, new) in [
      ("heads\": 4", "heads\": 2"), ("value_heads\": 2", "value_heads\": 1"),
      ("dim\": 16", "dim\": 32"),
    ] {
      configuration = configuration.replacing(old, with: new)
    }
    try Data(configuration.utf8).write(to: folder.appending(path: "config.json"))
    model = LlamaModel(try ModelFiles.open(folder.path()))
    try #require(model.shape.headDimension == 32 && model.shape.keyHeads == 1)
  }

  private func session(
    _ configuration: PolicyConfiguration, _ format: RowFormat = .q8_0,
    _ arithmetic: Arithmetic = .exact
  ) throws -> LlamaSession {
    let policies = try configuration.makePolicies(.all, shape: model.shape)
    let model = LlamaModel(model, arithmetic: arithmetic)
    let store = StoreConfiguration(pageRows: 4, format: format)
    return model.makeSession(
      try PagedKVStore(shape: model.shape, configuration: store).makeSequence(policies))
  }

  private func tokens(_ count: Int) -> [Int] {
    (0..<count).map { ($0 * 37 + $0 / 5 * 11 + 3) % model.configuration.vocabulary }
  }

  @Test("change the logits a little: some, and not much", arguments: [0, 30])
  func precision(prompt: Int) throws {
    let (exact, quantized) = (
      try session(PolicyConfiguration("full"), .f32), try session(PolicyConfiguration("full"))
    )
    let text = tokens(120)
    if prompt > 0 { for one in [exact, quantized] { try one.prefill(Array(text[..<prompt])) } }
    var worst: Float = 0
    for token in text[prompt...] {
      try exact.decode(token)
      try quantized.decode(token)
      worst = max(worst, distance(row(exact), row(quantized)))
    }
    // The logits are near 5; random matrices with sharp attention are a hard case.
    #expect(0 < worst && worst < 0.5)
  }

  /// The model's matrices are floats, so that integer arithmetic is that of rows alone.
  @Test(
    "are multiplied with rounded queries in integer arithmetic: with nearly the same results",
    arguments: [
      PolicyConfiguration("full"),
      PolicyConfiguration("kivi", ["keyBits": 4, "groupSize": 32, "residual": 32]),
    ])
  func integers(_ configuration: PolicyConfiguration) throws {
    let (exact, integer) = (
      try session(configuration), try session(configuration, .q8_0, .integer)
    )
    let text = tokens(120)
    for one in [exact, integer] { try one.prefill(Array(text[..<70])) }
    #expect(row(exact) == row(integer), "prompts stay exact")
    var worst: Float = 0
    for token in text[70...] {
      // A step each, because the values of a second step, nearly equal, may become other codes.
      let steps = [exact.fork(), integer.fork()]
      for step in steps { try step.decode(token) }
      worst = max(worst, distance(row(steps[0]), row(steps[1])))
    }
    #expect(0 < worst && worst < 1e-2, "\(worst)")
  }

  /// Chunks read keys and values as floats, while steps read the bytes. Keys may be rotated before
  /// or after storing.
  @Test(
    "are read alike by chunks and by steps",
    arguments: [
      PolicyConfiguration("full"),
      PolicyConfiguration("streamingllm", ["sinks": 4, "recent": 200]),
    ])
  func chunks(_ configuration: PolicyConfiguration) throws {
    let (chunks, steps) = (try session(configuration), try session(configuration))
    let text = tokens(90)
    try chunks.prefill(text, chunk: 16)
    for token in text { try steps.decode(token) }
    // Sums in another order may move an element to the next integer, in layers that are read later.
    #expect(distance(row(chunks), row(steps)) < 2e-3)
  }

  @Test(
    "are forked, dropped and compacted under every policy",
    arguments: EnginePromiseTests.policies)
  func forks(_ policy: PolicyConfiguration) throws {
    let (one, text) = (try session(policy), tokens(60))
    try one.prefill(Array(text[..<20]))
    for token in text[20..<30] { try one.decode(token) }
    let other = one.fork()
    for token in text[30...] {
      try other.decode((token + 1) % model.configuration.vocabulary)
      try one.decode(token)
    }
    for (session, shift) in [(one, 0), (other, 1)] {
      let plain = try self.session(policy)
      try plain.prefill(Array(text[..<20]))
      for token in text[20..<30] { try plain.decode(token) }
      for token in text[30...] {
        try plain.decode((token + shift) % model.configuration.vocabulary)
      }
      #expect(row(session) == row(plain))
    }
    #expect(one.sequence.store.checkInvariants([one, other].map(\.sequence)) == nil)
  }
}

@Suite("SmolLM2 with rows in q8_0", .enabled(if: RealModel.isThere))
struct QuantizedRowsParityTests {
  @Test("predicts what it predicts with rows in f32")
  func realModel() throws {
    let model = try RealModel.load()
    let exact = try makeSession(model, PolicyConfiguration("full"), format: .f32)
    let quantized = try makeSession(model, PolicyConfiguration("full"), format: .q8_0)
    let text = try ParityTests.text(0)
    var (divergence, worst, agreed) = (0.0, Float.zero, 0)
    for token in text {
      for session in [exact, quantized] { try session.decode(token) }
      let (want, got) = (row(exact), row(quantized))
      if Sampler.largest(exact.logits) == Sampler.largest(quantized.logits) { agreed += 1 }
      worst = max(worst, distance(want, got))
      divergence += zip(PlainKernels.softmax(want), PlainKernels.softmax(got))
        .reduce(0) { $0 + ($1.0 > 0 ? $1.0 * log($1.0 / $1.1) : 0) }
    }
    // Measured: 53 of 53 tokens, at most 0.74, divergence 0.0007 nats a step.
    #expect(worst < 1.5 && divergence / Double(text.count) < 0.005)
    #expect(agreed >= text.count * 95 / 100)
  }
}

private func row(_ session: LlamaSession) -> [Float] {
  let logits = session.logits
  return logits.indices.map { logits[$0] }
}

/// The greatest difference.
private func distance(_ a: [Float], _ b: [Float]) -> Float {
  zip(a, b).map { abs($0 - $1) }.max() ?? 0
}
