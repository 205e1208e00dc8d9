import MiniTasks
import ReferenceModel
import Testing
import Training

@Suite("Training runs")
struct TrainingRunTests {
  private func run(
    _ recipe: TrainingRecipe, threads: Int, steps: Int
  ) throws -> (run: TrainingRun, steps: [TrainingRun.Step]) {
    var run = try TrainingRun(recipe, threads: threads)
    let steps = try (0..<steps).map { _ in try run.step() }
    return (run, steps)
  }

  @Test("give the same bits on one thread and on two, and go on to the same bits")
  func bits() throws {
    let recipe = try TrainingRecipe(parsing: RecipeText.tiny)
    let (whole, steps) = try run(recipe, threads: 1, steps: 12)
    #expect(whole.isComplete)
    #expect(try run(recipe, threads: 2, steps: 12).run.state == whole.state)
    // Stopped in the first stage, at its end, and in the second.
    for stop in [3, 7, 10] {
      let state = try run(recipe, threads: 2, steps: stop).run.state
      #expect(state.step == stop)
      var second = try TrainingRun(recipe, threads: 2, from: state)
      let rest = try (stop..<12).map { _ in try second.step() }
      #expect(Array(steps[stop...]) == rest)
      #expect(try second.state == whole.state)
    }
  }

  @Test("follow the stages of their recipe")
  func stages() throws {
    let recipe = try TrainingRecipe(parsing: RecipeText.tiny)
    let steps = try run(recipe, threads: 1, steps: 12).steps
    #expect(steps.map(\.number) == Array(1...12))
    #expect(steps.map(\.stage) == Array(repeating: 0, count: 7) + Array(repeating: 1, count: 5))
    #expect(
      steps.map(\.rate)
        == recipe.stages.flatMap { stage in
          (0..<stage.schedule.steps).map { stage.schedule.rate(at: $0) }
        })
    for step in steps {
      let stage = recipe.stages[step.stage]
      let longest = stage.mixture.lengths.upperBound
      // A document's last token has no next token to predict.
      #expect((stage.batchTokens - 10..<stage.batchTokens + longest).contains(step.tokens))
      #expect(step.loss > 0 && step.loss < 10 && step.norm > 0)
    }
  }

  @Test("read other documents, and begin with other weights, for another seed")
  func seeds() throws {
    let first = try run(TrainingRecipe(parsing: RecipeText.tiny), threads: 1, steps: 1)
    let other = try TrainingRecipe(parsing: RecipeText.tiny(#""seed": 3"#, #""seed": 4"#))
    let second = try run(other, threads: 1, steps: 1)
    #expect(first.steps[0].loss != second.steps[0].loss)
    #expect(first.run.parameters != second.run.parameters)
  }

  @Test("learn: copies get better")
  func learning() throws {
    let text = try RecipeText.tiny(#""steps": 7"#, #""steps": 150"#)
    let recipe = try TrainingRecipe(parsing: text)
    let (run, steps) = try run(recipe, threads: 2, steps: 150)
    #expect(steps[149].loss < 0.75 * steps[0].loss)
    let check = try run.check()
    // Everything in a copy except its words can be predicted without looking anything up.
    #expect(check.accuracy > 0.2 && check.accuracy <= 1)
    #expect(Set(check.kinds.keys) == [.copy])
  }

  @Test("a check counts what the checker of responses counts")
  func check() throws {
    let recipe = try TrainingRecipe(parsing: RecipeText.tiny)
    let run = try run(recipe, threads: 1, steps: 12).run
    let check = try run.check()
    #expect(check.kinds[.completion] != nil && check.kinds[.once] != nil)
    let mixture = try TaskMixture(lengths: 128...128, kinds: [.both, .list])
    var (right, all) = (0, 0)
    var outcomes: [TaskScore.Outcome] = []
    for number in 0..<2 {
      let document = mixture.document(.heldOut(UInt32(number)))
      let batch = try TrainingBatch(texts: [document.tokens])
      let answers = try run.trainer.answers(of: run.parameters, on: batch)
      for (token, next) in zip(document.tokens.indices, document.tokens.dropFirst())
      where token + 1 >= document.promptLength {
        right += answers[token] == next ? 1 : 0
        all += 1
      }
      outcomes += document.score(answers[(document.promptLength - 1)...]).outcomes
    }
    #expect(check.accuracy == Double(right) / Double(all))
    for (kind, share) in check.kinds {
      let asked = outcomes.filter { $0.check.kind == kind }
      #expect(share == Double(asked.count(where: \.isHit)) / Double(asked.count))
    }
  }

  @Test("refuse a state that is not theirs")
  func foreign() throws {
    let recipe = try TrainingRecipe(parsing: RecipeText.tiny)
    var state = try run(recipe, threads: 1, steps: 1).run.state
    let other = try TrainingRecipe(parsing: RecipeText.tiny(#""seed": 3"#, #""seed": 4"#))
    #expect(throws: CheckpointError.self) { try TrainingRun(other, threads: 1, from: state) }
    state.parameters[0].name = "x"
    state.means[0].name = "x"
    state.squares[0].name = "x"
    #expect(throws: CheckpointError.self) { try TrainingRun(recipe, threads: 1, from: state) }
  }
}

@Suite("Logs of training runs")
struct TrainingLogTests {
  private func log(checkEvery steps: Int = 4) throws -> TrainingLog {
    var run = try TrainingRun(TrainingRecipe(parsing: RecipeText.tiny), threads: 1)
    var log = TrainingLog()
    for number in 1...12 {
      let step = try run.step()
      let check = number % steps == 0 ? try run.check() : nil
      log.add(step, seconds: Double(number) / 4, check: check)
    }
    return log
  }

  @Test("have a row for every ten steps, and for every check")
  func rows() throws {
    let log = try log(checkEvery: 12)
    #expect(log.rows.map(\.step) == [10, 12])
    #expect(log.rows.map { $0.check != nil } == [false, true])
    #expect(log.rows.map(\.seconds) == [2.5, 3])
  }

  @Test("are read back as they were written")
  func roundTrip() throws {
    let log = try log()
    #expect(log.rows.map(\.step) == [4, 8, 12])
    #expect(log.rows.map(\.seconds) == [1, 2, 3])
    let read = try TrainingLog(csv: log.csv, path: "log.csv", upTo: 12)
    #expect(read.csv == log.csv)
    #expect(read.tokens == log.tokens)
    let part = try TrainingLog(csv: log.csv, path: "log.csv", upTo: 8)
    #expect(part.rows.map(\.step) == [4, 8])
  }

  @Test("that do not reach the state's step are refused", arguments: [3, 9, 13])
  func late(step: Int) throws {
    let csv = try log().csv
    let error = #expect(throws: CheckpointError.self) {
      try TrainingLog(csv: csv, path: "runs/log.csv", upTo: step)
    }
    let message = try #require(error).description
    #expect(message.contains("runs/log.csv") && message.contains("no row of step \(step)"))
  }

  static let broken = [
    "1,0,3", "1,0,x,1,1,1,1,,,,,,,,", "1,0,9223372036854775807,1,1,1,1,,,,,,,,",
    "1,0,-1,1,1,1,1,,,,,,,,", "1,0,3,1,1,1,1,abc,,,,,,,", "1,0,3,1,1,1,1,,,,,x,,,",
    "1,0,3,1,1,1,1,,,,,,,,\n1,0,4,1,1,1,1,,,,,,,,",
  ]

  @Test("that are broken are refused", arguments: broken)
  func refused(lines: String) {
    #expect(throws: CheckpointError.self) {
      try TrainingLog(csv: TrainingLog().csv + lines + "\n", path: "log.csv", upTo: 1)
    }
  }

  @Test("that are none are refused", arguments: ["", "step,loss\n1,2\n"])
  func strangers(text: String) {
    #expect(throws: CheckpointError.self) {
      try TrainingLog(csv: text, path: "log.csv", upTo: 0)
    }
  }
}
