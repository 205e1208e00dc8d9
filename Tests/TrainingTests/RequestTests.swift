import KVPolicyKit
import ReferenceModel
import Testing
import Training

struct RequestTests {
  @Test("results are the same to the last bit on one thread and on two")
  func threads() throws {
    for training in try TrainingCase.all() {
      let (parameters, batch) = (try training.parameters(), try training.batch())
      var results: [(loss: Double, gradients: Gradients)] = []
      for threads in 1...2 {
        let trainer = try Trainer(training.model, threads: threads)
        var gradients = Gradients(trainer.layout)
        let loss = try trainer.accumulate(
          &gradients, [.weights, .inputs], of: parameters, on: batch, rule: training.rule)
        results.append((loss, gradients))
      }
      #expect(results[0].loss == results[1].loss)
      #expect(results[0].gradients.weights == results[1].gradients.weights)
      #expect(results[0].gradients.inputs == results[1].gradients.inputs)
    }
  }

  @Test("what nobody asks for stays as it was, and what is asked for is the same")
  func subsets() throws {
    let training = try #require(try TrainingCase.all().last)
    let (parameters, batch) = (try training.parameters(), try training.batch())
    let trainer = try Trainer(training.model, threads: 2)
    func gradients(_ request: GradientRequest) throws -> Gradients {
      var gradients = Gradients(trainer.layout, headScalars: 12)
      _ = try trainer.accumulate(
        &gradients, request, of: parameters, on: batch, rule: training.rule)
      return gradients
    }
    let all = try gradients([.weights, .inputs, .headScalars])
    for request: GradientRequest in [[], .weights, .inputs, .headScalars, [.inputs, .headScalars]] {
      let some = try gradients(request)
      #expect(
        request.contains(.weights)
          ? some.weights == all.weights : some.weights.allSatisfy { $0 == 0 })
      #expect(
        request.contains(.headScalars)
          ? some.headScalars == all.headScalars : some.headScalars.allSatisfy { $0 == 0 })
      #expect(request.contains(.inputs) ? some.inputs == all.inputs : some.inputs.isEmpty)
    }
  }

  @Test("two passes of half the weight add up to one")
  func accumulation() throws {
    let training = try TrainingCase.all()[0]
    let (parameters, batch) = (try training.parameters(), try training.batch())
    let trainer = try Trainer(training.model, threads: 1)
    var (once, twice) = (Gradients(trainer.layout), Gradients(trainer.layout))
    _ = try trainer.accumulate(&once, of: parameters, on: batch)
    for _ in 0..<2 {
      _ = try trainer.accumulate(&twice, of: parameters, on: batch, factor: 0.5)
    }
    let size = once.weights.map(abs).max() ?? 0
    #expect(zip(once.weights, twice.weights).allSatisfy { abs($0 - $1) <= 1e-6 * size })
    once.clear()
    #expect(once.weights.allSatisfy { $0 == 0 })
  }

  @Test("what does not fit the model is refused with a reason")
  func refusals() throws {
    let training = try TrainingCase.all()[0]
    let parameters = try training.parameters()
    let trainer = try Trainer(training.model, threads: 1)
    let foreign = try TrainingBatch(texts: [[1, 2, 99]])
    #expect(throws: TrainingError.request("token 99 is not in the vocabulary; use 0 to 18")) {
      try trainer.loss(of: parameters, on: foreign)
    }
    let batch = try TrainingBatch(texts: [[1, 2, 3]])
    #expect(throws: TrainingError.self) {
      try trainer.loss(of: parameters, on: batch, rule: .streaming(sinks: 0, window: 0))
    }
    #expect(throws: TrainingError.self) {
      try trainer.loss(
        of: parameters, on: batch, rule: .mixed(scalars: [1], sinks: 0, window: 1))
    }
    var gradients = Gradients(trainer.layout)
    #expect(throws: TrainingError.self) {
      try trainer.accumulate(&gradients, .headScalars, of: parameters, on: batch)
    }
    #expect(throws: TrainingError.self) { try TrainingBatch(texts: [[1]]) }
    for part in [\LlamaConfiguration.hasProjectionBias, \.hasHeadNorm] {
      var model = training.model
      model[keyPath: part] = true
      #expect(throws: TrainingError.self) { try Trainer(model, threads: 1) }
    }
    #expect(throws: ModelError.self) {
      try LlamaConfiguration(
        layers: 1, hidden: 8, intermediate: 8, queryHeads: 3, keyHeads: 2, headDimension: 4,
        vocabulary: 8, contextLength: 8)
    }
  }
}
