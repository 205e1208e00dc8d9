import Foundation
import Synchronization
import Testing

@testable import KVPolicyCommand

/// Trainings that end at every point of every save, as if the process had been killed there: no
/// later step reaches the disk.
@Suite("kvpolicy train, killed")
struct TrainKilledTests {
  private static let recipe = tinyRecipe(
    checkSteps: 1, checkDocuments: 1, steps: 2, batchTokens: 40, warmUp: 1)
  private static let files = [
    "state.safetensors", "loss.svg", "model.gguf", "model-q8_0.gguf", "model/config.json",
    "model/model.safetensors", "model/tokenizer.json", "model/tokenizer_config.json",
  ]

  private func workshop() throws -> Workshop {
    let workshop = try Workshop()
    try workshop.write("recipe.json", Self.recipe)
    return workshop
  }

  private func train(_ workshop: Workshop, _ folder: String, _ more: String...) -> Outcome {
    workshop.run(["train", "@/recipe.json", "--out", "@/\(folder)", "--threads", "1"] + more)
  }

  /// Runs `body` until `count` steps of its saves were done. The next step is then done by half, if
  /// it can be.
  ///
  /// - Returns: the number of steps that `body` did or tried.
  @discardableResult
  private func killing(after count: Int, _ body: () -> Void) -> Int {
    let steps = Mutex(0)
    TemporaryFile.$beforeStep.withValue({ step in
      let number = steps.withLock { steps in
        steps += 1
        return steps
      }
      guard number > count else { return nil }
      if number == count + 1 { Self.halve(step) }
      return SystemError(code: EIO)
    }) { body() }
    return steps.withLock { $0 }
  }

  private static func halve(_ step: TemporaryFile.Step) {
    switch step {
    case .write(let bytes, let path):
      try? Data(bytes.prefix(bytes.count / 2)).write(to: URL(fileURLWithPath: path))
    case .create, .synchronise, .rename, .remove: break
    }
  }

  /// The log without its fourth column, the seconds.
  private func log(_ workshop: Workshop, _ folder: String) throws -> [[Substring]] {
    try workshop.read(folder + "/log.csv").split(separator: "\n").map { line in
      var cells = line.split(separator: ",", omittingEmptySubsequences: false)
      cells.remove(at: 3)
      return cells
    }
  }

  /// Completes a run, and compares its files with those of the run `whole`.
  private func complete(_ workshop: Workshop, _ folder: String, after count: Int) throws {
    let isBegun = FileManager.default.fileExists(
      atPath: "\(workshop.folder)/\(folder)/state.safetensors")
    let resumed = train(workshop, folder, "--resume")
    #expect((resumed.status == 0) == isBegun, "after \(count) steps: \(resumed.errors)")
    if !isBegun {
      #expect(resumed.errors.contains("holds no run to go on with; leave --resume out"))
      let begun = train(workshop, folder)
      #expect(begun.status == 0, "after \(count) steps: \(begun.errors)")
    }
    for file in Self.files {
      let isSame = try workshop.data("\(folder)/\(file)") == workshop.data("whole/\(file)")
      #expect(isSame, "\(file), killed after \(count) steps")
    }
    #expect(try log(workshop, folder) == log(workshop, "whole"), "killed after \(count) steps")
  }

  @Test("at any step of any save, it goes on to the same bits, or begins where nothing was saved")
  func everyStep() throws {
    let workshop = try workshop()
    let total = killing(after: .max) { #expect(train(workshop, "whole").status == 0) }
    // Each of the files takes six steps: a file that shows that the folder can be written is made
    // and removed; then one is made, written, synchronised and renamed. The first save writes the
    // state, the second four files, the last nine.
    #expect(total == 6 * (1 + 4 + 9))
    for count in 0..<total {
      let folder = "killed-\(count)"
      killing(after: count) { _ = train(workshop, folder) }
      // Some are killed again, in a save of the resumed run.
      if count % 4 == 1 { killing(after: count / 2) { _ = train(workshop, folder, "--resume") } }
      try complete(workshop, folder, after: count)
    }
  }

  @Test("before its first save, it can also be begun again")
  func beginning() throws {
    let workshop = try workshop()
    #expect(train(workshop, "whole").status == 0)
    // After 24 steps all of the second save is there but its state.
    for count in [3, 6, 8, 10, 12, 18, 24] {
      let folder = "killed-\(count)"
      killing(after: count) { #expect(train(workshop, folder).status == 1) }
      let again = train(workshop, folder)
      #expect(again.status == 0, "after \(count) steps: \(again.errors)")
      try complete(workshop, folder, after: count)
    }
    // With another recipe only if there is nothing but the state of no steps.
    killing(after: 6) { _ = train(workshop, "early") }
    killing(after: 12) { _ = train(workshop, "late") }
    try workshop.write(
      "recipe.json", Self.recipe.replacingOccurrences(of: #""seed": 3"#, with: #""seed": 4"#))
    #expect(train(workshop, "early").status == 0)
    #expect(train(workshop, "late").errors.contains("holds a run already"))
  }

  @Test("its temporary files are removed by the next run")
  func leftovers() throws {
    let workshop = try workshop()
    // Killed while the model is written.
    killing(after: 7) { _ = train(workshop, "run") }
    func names() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: workshop.folder + "/run"))
    }
    #expect(try names().contains { $0.hasPrefix(".kvpolicy.") })
    #expect(train(workshop, "run", "--resume", "--stop-after", "1").status == 0)
    #expect(try names() == ["state.safetensors", "log.csv", "loss.svg", "model.gguf"])
  }
}
