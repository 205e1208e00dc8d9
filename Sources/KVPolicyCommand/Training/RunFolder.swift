import Evaluation
import Foundation
import Training

/// The folder of a training run, and the files in it.
struct RunFolder {
  private let path: String
  private let terminal: Terminal

  private enum Name: String, CaseIterable {
    case state = "state.safetensors"
    case log = "log.csv"
    case curve = "loss.svg"
    case model = "model.gguf"
    case quantised = "model-q8_0.gguf"
    case folder = "model"
  }

  init(_ path: String, terminal: Terminal) { (self.path, self.terminal) = (path, terminal) }

  /// Begins a run in the folder, or resumes the run that the folder holds.
  ///
  /// - Throws: `CommandError.failure` if a new run would overwrite files, or if the folder holds no
  ///   run to resume; `CheckpointError` if the folder's run has another recipe.
  func open(_ recipe: TrainingRecipe, threads: Int, resumes: Bool) throws -> TrainingSession {
    resumes ? try resume(recipe, threads: threads) : try begin(recipe, threads: threads)
  }

  private func begin(_ recipe: TrainingRecipe, threads: Int) throws -> TrainingSession {
    if FileManager.default.fileExists(atPath: file(.state)) {
      throw CommandError.failure(
        "\(path) holds a run already; go on with it with --resume, or name another folder")
    }
    for name in Name.allCases where FileManager.default.fileExists(atPath: file(name)) {
      throw CommandError.failure(
        "\(file(name)) is in the way; move it, or name another folder for the run")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CommandError.failure("cannot make \(path): \(error.localizedDescription)")
    }
    // A folder that cannot be written must be detected before the training, not after it.
    _ = try output(.log)
    return TrainingSession(
      folder: self, run: try TrainingRun(recipe, threads: threads), log: TrainingLog())
  }

  private func resume(_ recipe: TrainingRecipe, threads: Int) throws -> TrainingSession {
    guard FileManager.default.fileExists(atPath: file(.state)) else {
      throw CommandError.failure("\(path) holds no run to go on with; leave --resume out")
    }
    let saved = try TrainingState(from: file(.state), recipe: recipe.text)
    let text = try InputFile(path: file(.log), terminal: terminal).text()
    return TrainingSession(
      folder: self, run: try TrainingRun(recipe, threads: threads, from: saved),
      log: try TrainingLog(csv: text, path: file(.log), upTo: saved.step))
  }

  /// Saves all files of the run, the state last. If the program ends before the state is written,
  /// the folder holds the state of an earlier step: a resumed run repeats the steps after it and
  /// writes the same files.
  func save(_ run: TrainingRun, _ log: TrainingLog) throws {
    let checkpoint = try run.checkpoint
    try checkpoint.write(gguf: file(.model))
    if run.isComplete {
      try checkpoint.write(gguf: file(.quantised), .q8_0)
      // Any folder found here was written by this run; `begin` refuses to start where one exists.
      try? FileManager.default.removeItem(atPath: file(.folder))
      try checkpoint.write(folder: file(.folder))
    }
    try output(.log).write(log.csv)
    try output(.curve).write(log.curve)
    try run.state.write(to: file(.state))
  }

  private func output(_ name: Name) throws(CommandError) -> OutputFile {
    try OutputFile(file(name), terminal: terminal)
  }

  private func file(_ name: Name) -> String {
    URL(fileURLWithPath: path).appendingPathComponent(name.rawValue).path
  }
}
