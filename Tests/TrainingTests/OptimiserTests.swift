import Foundation
import KVPolicyKit
import ReferenceModel
import Testing
import Training

struct OptimiserTests {
  @Test("AdamW is its formula, and only matrices lose weight")
  func adam() {
    let (count, decayed) = (37, [3..<14, 20..<29])
    var numbers = SplitMix64(seed: 4)
    func floats() -> [Float] { (0..<count).map { _ in Float(2 * numbers.unit() - 1) } }
    var values = floats()
    var configuration = AdamW.Configuration()
    configuration.weightDecay = 0.2
    var optimiser = AdamW(count: count, decayed: decayed, configuration)
    var w = values.map(Double.init)
    var (m, v) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    for step in 1...5 {
      let gradients = floats()
      let rate = 0.01 * Double(step)
      var span = values.mutableSpan
      optimiser.step(&span, gradients: gradients, rate: Float(rate), factor: 0.5)
      for i in 0..<count {
        let g = 0.5 * Double(gradients[i])
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.95 * v[i] + 0.05 * g * g
        let (mean, square) = (
          m[i] / (1 - pow(0.9, Double(step))), v[i] / (1 - pow(0.95, Double(step)))
        )
        let decay = decayed.contains { $0.contains(i) } ? 0.2 : 0
        w[i] -= rate * (mean / (square.squareRoot() + 1e-8) + decay * w[i])
      }
    }
    #expect(optimiser.steps == 5)
    for i in 0..<count { #expect(abs(Double(values[i]) - w[i]) < 1e-6) }
  }

  @Test("the rate rises to its peak, falls by half a cosine, and stays at the floor")
  func schedule() throws {
    let schedule = try LearningRateSchedule(peak: 1, floor: 0.1, warmUp: 4, steps: 12)
    let rates = (0..<14).map { schedule.rate(at: $0) }
    #expect(Array(rates[0..<4]) == [0.25, 0.5, 0.75, 1])
    #expect(rates[4] == 1)
    #expect(abs(rates[8] - 0.55) < 1e-6)
    #expect(zip(rates[4...], rates[5...]).allSatisfy { $0 >= $1 })
    #expect(rates[12] == 0.1)
    #expect(rates[13] == 0.1)
    #expect(throws: TrainingError.self) {
      try LearningRateSchedule(peak: 1, floor: 2, warmUp: 0, steps: 1)
    }
    #expect(throws: TrainingError.self) {
      try LearningRateSchedule(peak: 1, warmUp: 3, steps: 2)
    }
  }

  @Test("clipping brings the norm of all gradients to its limit")
  func clipping() throws {
    let training = try TrainingCase.all()[0]
    let (parameters, batch) = (try training.parameters(), try training.batch())
    let trainer = try Trainer(training.model, threads: 1)
    var gradients = Gradients(trainer.layout)
    _ = try trainer.accumulate(&gradients, of: parameters, on: batch)
    let norm = gradients.weights.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(abs(gradients.weightNorm - norm) < 1e-5 * norm)
    #expect(abs(Double(gradients.clippingFactor(limit: norm / 4)) - 0.25) < 1e-5)
    #expect(gradients.clippingFactor(limit: 2 * norm) == 1)
  }

  @Test("weights begin at their deviations, the same for the same seed")
  func initialisation() throws {
    let model = try LlamaConfiguration(
      layers: 2, hidden: 48, intermediate: 64, queryHeads: 4, keyHeads: 2, headDimension: 12,
      vocabulary: 96, contextLength: 32)
    let parameters = ModelParameters(model, seed: 7)
    #expect(parameters == ModelParameters(model, seed: 7))
    #expect(parameters != ModelParameters(model, seed: 8))
    for tensor in parameters.layout.tensors {
      let values = parameters[tensor]
      guard tensor.isMatrix else {
        #expect(values.allSatisfy { $0 == 1 })
        continue
      }
      let writes = tensor.name.contains("o_proj") || tensor.name.contains("down_proj")
      let square = values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)
      let share = tensor.name.contains("embed") ? 0.1 * Double(tensor.columns).squareRoot() : 1
      let deviation = (writes ? 0.1 : share) / Double(tensor.columns).squareRoot()
      #expect(abs(square.squareRoot() / deviation - 1) < 0.06, "\(tensor.name)")
    }
  }
}
