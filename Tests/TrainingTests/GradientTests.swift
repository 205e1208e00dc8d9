import Foundation
import KVPolicyKit
import ReferenceModel
import Testing
import Training

/// Gradients against central differences of the plain forward pass.
struct GradientTests {
  /// Wide enough for differences of losses to keep ten digits, and narrow enough for a cubic error
  /// of 10⁻⁸.
  private static let step = 1e-4

  @Test("the loss is that of plain loops", arguments: try TrainingCase.all())
  func loss(training: TrainingCase) throws {
    let (parameters, batch) = (try training.parameters(), try training.batch())
    let trainer = try Trainer(training.model, threads: 2)
    let loss = try trainer.loss(of: parameters, on: batch, rule: training.rule)
    let plain = PlainTransformer(training.model, parameters, training.rule).loss(batch)
    #expect(abs(loss - plain) < 2e-5 * plain)
  }

  @Test("every gradient is the slope of the loss", arguments: try TrainingCase.all())
  func slopes(training: TrainingCase) throws {
    let (parameters, batch) = (try training.parameters(), try training.batch())
    let trainer = try Trainer(training.model, threads: 2)
    let plain = PlainTransformer(training.model, parameters, training.rule)
    var gradients = Gradients(trainer.layout, headScalars: plain.scalars.count)
    let request: GradientRequest =
      plain.isMixed ? [.weights, .inputs, .headScalars] : [.weights, .inputs]
    _ = try trainer.accumulate(
      &gradients, request, of: parameters, on: batch, rule: training.rule)

    for tensor in trainer.layout.tensors {
      check(Array(gradients[tensor]), tensor.name) { index, difference in
        var moved = plain
        moved.weights[tensor.offset + index] += difference
        return moved.loss(batch)
      }
    }
    check(gradients.headScalars, "scalars") { index, difference in
      var moved = plain
      moved.scalars[index] += difference
      return moved.loss(batch)
    }
    let inputs = plain.embedded(batch.tokens)
    check(gradients.inputs, "inputs") { index, difference in
      var moved = plain
      moved.inputs = inputs
      moved.inputs?[index / training.model.hidden][index % training.model.hidden] += difference
      return moved.loss(batch)
    }
  }

  /// Compares some elements. An error is relative to the tensor's largest gradient, because single
  /// precision rounds sums relative to their terms.
  private func check(
    _ gradients: [Float], _ name: String, loss: (Int, Double) -> Double
  ) {
    let size = Double(gradients.map(abs).max() ?? 0)
    for index in sample(gradients.count, 4, seed: 9) {
      let slope = (loss(index, Self.step) - loss(index, -Self.step)) / (2 * Self.step)
      let error = abs(slope - Double(gradients[index]))
      #expect(
        error <= 2e-4 * abs(slope) + 2e-5 * size,
        "\(name)[\(index)] is \(gradients[index]), not \(slope)")
    }
  }

  @Test("inputs of one's own are used, and the embedding keeps its use as a head")
  func ownInputs() throws {
    let training = try TrainingCase.all()[0]
    let (parameters, batch) = (try training.parameters(), try training.batch())
    let trainer = try Trainer(training.model, threads: 1)
    let plain = PlainTransformer(training.model, parameters, training.rule)
    let inputs = plain.embedded(batch.tokens).flatMap { $0.map(Float.init) }
    var (own, looked) = (Gradients(trainer.layout), Gradients(trainer.layout))
    let first = try trainer.accumulate(
      &own, [.weights, .inputs], of: parameters, on: batch, inputs: inputs)
    let second = try trainer.accumulate(&looked, [.weights, .inputs], of: parameters, on: batch)
    #expect(first == second)
    #expect(own.inputs == looked.inputs)
    // With looked-up inputs, the gradient of a token's row also contains the gradients of its
    // inputs.
    let hidden = training.model.hidden
    for column in 0..<hidden {
      let token = batch.tokens[0]
      let sum = batch.tokens.indices.filter { batch.tokens[$0] == token }
        .reduce(Float(0)) { $0 + own.inputs[$1 * hidden + column] }
      let index = token * hidden + column
      #expect(abs(looked.weights[index] - own.weights[index] - sum) < 1e-5)
    }
  }
}
