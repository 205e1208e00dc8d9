import Evaluation
import Foundation
import Training

/// The files of a training run.
struct RunFolder {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Begins a run here, or goes on with the one that is here.
  ///
  /// - Throws: `CommandError.failure` if there is one and it is not to be gone on with, or the other way
  ///   round; `CheckpointError` for a state of another recipe.
  func open(_ recipe: TrainingRecipe, threads: Int, resumes: Bool) throws -> TrainingSession {
    let exists = FileManager.default.fileExists(atPath: state)
    guard resumes else {
      guard !exists else {
        throw CommandError.failure(
          "\(path) holds a run already; go on with it with --resume, or name another folder")
      }
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      } catch {
        throw CommandError.failure("cannot make \(path): \(error.localizedDescription)")
      }
      return TrainingSession(
        folder: self, run: try TrainingRun(recipe, threads: threads), log: TrainingLog())
    }
    guard exists else {
      throw CommandError.failure("\(path) holds no run to go on with; leave --resume out")
    }
    let saved = try TrainingState(from: state, recipe: recipe.text)
    let text: String
    do {
      text = try String(contentsOfFile: log, encoding: .utf8)
    } catch {
      throw CommandError.failure("cannot read \(log): \(error.localizedDescription)")
    }
    return TrainingSession(
      folder: self, run: try TrainingRun(recipe, threads: threads, from: saved),
      log: try TrainingLog(csv: text, upTo: saved.step))
  }

  /// Saves everything. The log goes first: of what it says beyond the state, a run gone on with keeps none.
  func save(_ run: TrainingRun, _ log: TrainingLog, terminal: Terminal) throws {
    try OutputFile(self.log, terminal: terminal).write(log.csv)
    try OutputFile(file("loss.svg"), terminal: terminal).write(log.curve)
    try run.state.write(to: state)
    let checkpoint = try run.checkpoint
    try checkpoint.write(gguf: file("model.gguf"))
    guard run.isComplete else { return }
    try checkpoint.write(gguf: file("model-q8_0.gguf"), .q8_0)
    let folder = file("model")
    if !FileManager.default.fileExists(atPath: folder) { try checkpoint.write(folder: folder) }
  }

  private var state: String { file("state.safetensors") }
  private var log: String { file("log.csv") }
  private func file(_ name: String) -> String {
    URL(fileURLWithPath: path).appendingPathComponent(name).path
  }
}
