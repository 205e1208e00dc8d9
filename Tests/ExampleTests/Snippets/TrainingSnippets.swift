import Evaluation
import KVPolicyKit
import MiniTasks
import ReferenceModel
import Testing
import Training

// Code of the articles about Training and MiniTasks, run as it is printed there.

@Suite("Code of the articles on training")
struct TrainingSnippets {
  @Test("a loop of one's own learns a text")
  func loop() throws {
    let texts = [(0..<24).map { $0 * $0 % 31 }]
    let sizes = try LlamaConfiguration(
      layers: 2, hidden: 32, intermediate: 64, queryHeads: 4, keyHeads: 2, headDimension: 8,
      vocabulary: 32, contextLength: 64)
    let trainer = try Trainer(sizes, threads: 2)
    var parameters = ModelParameters(sizes, seed: 1)
    var optimiser = AdamW(trainer.layout)
    var gradients = Gradients(trainer.layout)
    let batch = try TrainingBatch(texts: texts)
    let schedule = try LearningRateSchedule(peak: 0.01, warmUp: 5, steps: 50)
    var loss = 0.0
    for step in 0..<50 {
      gradients.clear()
      loss = try trainer.accumulate(&gradients, of: parameters, on: batch)
      optimiser.step(
        &parameters, gradients, rate: schedule.rate(at: step),
        factor: gradients.clippingFactor(limit: 1))
    }
    #expect(loss < 0.2)
  }

  @Test("heads' shares of full attention have gradients of their own")
  func headScalars() throws {
    let sizes = try LlamaConfiguration(
      layers: 2, hidden: 32, intermediate: 64, queryHeads: 4, keyHeads: 2, headDimension: 8,
      vocabulary: 32, contextLength: 64)
    let trainer = try Trainer(sizes, threads: 1)
    let parameters = ModelParameters(sizes, seed: 1)
    let batch = try TrainingBatch(texts: [(0..<48).map { $0 * $0 % 31 }])
    let shares = [Float](repeating: 0.5, count: sizes.layers * sizes.queryHeads)
    var gradients = Gradients(trainer.layout, headScalars: shares.count)
    _ = try trainer.accumulate(
      &gradients, .headScalars, of: parameters, on: batch,
      rule: .mixed(scalars: shares, sinks: 2, window: 8))
    #expect(gradients.headScalars.contains { $0 != 0 })
    #expect(gradients.weights.allSatisfy { $0 == 0 })
  }

  @Test("a document is written, read and scored")
  func document() throws {
    let recipe = TaskRecipe(
      tokens: 1500, list: .init(items: 80, once: 20, ranges: 8, periodic: 2),
      questions: .init(recall: 4, unasked: 8))
    let document = try TaskGenerator(recipe: recipe, seed: .heldOut(0)).document()
    let text = try TaskVocabulary.text(of: Array(document.prompt))
    let score = document.score(document.response)
    #expect(text.hasPrefix("start \n"))
    #expect(score.accuracy(.once) == 1 && score.isPerfect)
  }
}
