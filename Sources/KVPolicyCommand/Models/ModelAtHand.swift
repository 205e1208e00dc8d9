import BundledModel
import Foundation
import ReferenceModel

/// The model that a command runs: the named model, or else the model at hand.
enum ModelAtHand: Equatable {
  /// A GGUF file or a Hugging Face folder.
  case file(String)
  /// The small model that comes with the program.
  case bundled

  /// The model at a path. The word `bundled` names the bundled model and never a file.
  init(_ word: String) { self = word == BundledModel.name ? .bundled : .file(word) }

  /// The model at hand, which commands use where no model is named: `$KVPOLICY_MODEL`, else the
  /// first `.gguf` file by name in the folder `Models`, else the bundled model.
  init(_ terminal: Terminal) {
    if let word = terminal.environment["KVPOLICY_MODEL"], !word.isEmpty {
      self.init(word)
      return
    }
    let folder = terminal.workingFolder + "/Models"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let first = names.filter { $0.hasSuffix(".gguf") }.min()
    self = first.map { .file("\(folder)/\($0)") } ?? .bundled
  }

  /// The model's name in reports.
  var name: String {
    switch self {
    case .file(let path): URL(fileURLWithPath: path).lastPathComponent
    case .bundled: BundledModel.name
    }
  }

  /// The path of the model, or nil for the bundled model.
  var path: String? { if case .file(let path) = self { path } else { nil } }

  /// Opens the model.
  func open() throws(ModelError) -> ModelFiles {
    switch self {
    case .file(let path): try ModelFiles.open(path)
    case .bundled: try BundledModel.open()
    }
  }
}

extension Command {
  /// The model that `--model` names, or else the model at hand.
  func model(_ arguments: Arguments) -> ModelAtHand {
    arguments.text("--model").map { ModelAtHand($0) } ?? ModelAtHand(terminal)
  }
}
