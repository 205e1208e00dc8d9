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
  /// - Throws: `CommandError.failure` if a new run would overwrite files, if the folder holds no
  ///   run to resume, and for a folder that cannot be written; `CheckpointError` if the folder's
  ///   files have another recipe.
  func open(_ recipe: TrainingRecipe, threads: Int, resumes: Bool) throws -> TrainingSession {
    resumes ? try resume(recipe, threads: threads) : try begin(recipe, threads: threads)
  }

  /// Begins a run with a state of no steps. So a run that is killed before its first save ends, or
  /// in the middle of it, can be resumed like any other, and files without a state are not a run's.
  private func begin(_ recipe: TrainingRecipe, threads: Int) throws -> TrainingSession {
    try checkIsFree(for: recipe)
    let run = try TrainingRun(recipe, threads: threads)
    try makeFolder(path)
    try write(run.state.bytes(), .state)
    return TrainingSession(folder: self, run: run, log: TrainingLog())
  }

  /// Throws if the folder holds a run, or files of other origin. A run of no steps may be begun
  /// again, because nothing is lost: by the recipe whose files are here, or by any recipe if there
  /// are none.
  private func checkIsFree(for recipe: TrainingRecipe) throws {
    let others = Name.allCases.filter { $0 != .state && exists($0) }
    if exists(.state) {
      let state = try? TrainingState(from: file(.state), recipe: nil)
      if let state, state.step == 0, others.isEmpty || state.recipe == recipe.text { return }
      throw CommandError.failure(
        "\(path) holds a run already; go on with it with --resume, or name another folder")
    }
    if let name = others.first {
      throw CommandError.failure(
        "\(file(name)) is in the way; move it, or name another folder for the run")
    }
  }

  private func resume(_ recipe: TrainingRecipe, threads: Int) throws -> TrainingSession {
    guard exists(.state) else {
      throw CommandError.failure(
        "\(path) holds no run to go on with; leave --resume out to begin one there")
    }
    let saved = try TrainingState(from: file(.state), recipe: recipe.text)
    let run = try TrainingRun(recipe, threads: threads, from: saved)
    // Before the first save there is no log, or only the log of a save that was cut short.
    guard saved.step > 0 else { return TrainingSession(folder: self, run: run, log: TrainingLog()) }
    let text = try InputFile(path: file(.log), terminal: terminal).text()
    return TrainingSession(
      folder: self, run: run, log: try TrainingLog(csv: text, path: file(.log), upTo: saved.step))
  }

  /// Saves all files of the run, the state last. If the program ends before the state is written,
  /// the folder holds the state of an earlier step: a resumed run repeats the steps after it and
  /// writes the same files.
  func save(_ run: TrainingRun, _ log: TrainingLog) throws {
    let checkpoint = try run.checkpoint
    try write(checkpoint.gguf(), .model)
    if run.isComplete {
      try write(checkpoint.gguf(.q8_0), .quantised)
      // Files found here were written by this run: `begin` refuses a folder with files.
      try makeFolder(file(.folder))
      for (name, bytes) in checkpoint.folderFiles.sorted(by: { $0.key < $1.key }) {
        try write(bytes, to: file(.folder) + "/" + name)
      }
    }
    try write(Array(log.csv.utf8), .log)
    try write(Array(log.curve.utf8), .curve)
    try write(run.state.bytes(), .state)
  }

  private func makeFolder(_ path: String) throws(CommandError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CommandError.failure("cannot make \(path): \(error.localizedDescription)")
    }
  }

  private func write(_ bytes: [UInt8], _ name: Name) throws(CommandError) {
    try write(bytes, to: file(name))
  }

  private func write(_ bytes: [UInt8], to path: String) throws(CommandError) {
    try OutputFile(path, terminal: terminal).write(bytes)
  }

  private func exists(_ name: Name) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

  private func file(_ name: Name) -> String {
    URL(fileURLWithPath: path).appendingPathComponent(name.rawValue).path
  }
}
