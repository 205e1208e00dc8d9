import Foundation
import ReferenceModel
import Testing
import Training

/// A tiny model and its gradients from PyTorch's autograd, as `Scripts/training_fixture.py` writes
/// them.
private struct AutogradFixture: Decodable {
  struct Pass: Decodable {
    let loss: Double
    let inputs, scalars: [Float]
    let weights: [[Float]]
  }
  let tokens, targets, lengths: [Int]
  let shares, scalars: [Float]
  let sinks, window: Int
  let weights: [[Float]]
  let passes: [String: Pass]

  static func load() throws -> AutogradFixture {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/autograd.json")
    return try JSONDecoder().decode(AutogradFixture.self, from: Data(contentsOf: file))
  }
}

@Test("loss and gradients are those of PyTorch's autograd", arguments: ["causal", "mixed"])
func autograd(kind: String) throws {
  let fixture = try AutogradFixture.load()
  let expected = try #require(fixture.passes[kind])
  let model = try LlamaConfiguration(
    layers: 2, hidden: 20, intermediate: 28, queryHeads: 4, keyHeads: 2, headDimension: 6,
    vocabulary: 20, contextLength: 16)
  let trainer = try Trainer(model, threads: 2)
  let parameters = try ModelParameters(trainer.layout, values: fixture.weights.flatMap { $0 })
  let batch = try TrainingBatch(
    tokens: fixture.tokens, targets: fixture.targets, weights: fixture.shares,
    lengths: fixture.lengths)
  let isMixed = kind == "mixed"
  let rule: AttentionRule =
    isMixed
    ? .mixed(scalars: fixture.scalars, sinks: fixture.sinks, window: fixture.window) : .causal
  var gradients = Gradients(trainer.layout, headScalars: isMixed ? fixture.scalars.count : 0)
  let loss = try trainer.accumulate(
    &gradients, isMixed ? [.weights, .inputs, .headScalars] : [.weights, .inputs],
    of: parameters, on: batch, rule: rule)

  #expect(abs(loss - expected.loss) < 1e-5 * expected.loss)
  #expect(trainer.layout.tensors.count == expected.weights.count)
  for (tensor, values) in zip(trainer.layout.tensors, expected.weights) {
    expectClose(Array(gradients[tensor]), values, tensor.name)
  }
  expectClose(gradients.inputs, expected.inputs, "inputs")
  expectClose(gradients.headScalars, expected.scalars, "scalars")
}

/// Expects equality up to a ten-thousandth of the largest value.
private func expectClose(_ found: [Float], _ expected: [Float], _ name: String) {
  #expect(found.count == expected.count, "\(name)")
  let size = expected.map(abs).max() ?? 0
  let error = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
  #expect(error <= 1e-4 * size, "\(name) is off by \(error), of \(size)")
}
