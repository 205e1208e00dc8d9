import BundledModel
import Foundation
import ReferenceModel

/// The model that a command runs: the one that is named, or the one at hand.
enum ModelAtHand: Equatable {
  /// A GGUF file or a Hugging Face folder.
  case file(String)
  /// The small model that comes with the program.
  case bundled

  /// The model of a path; the word `bundled` is that of no file.
  init(_ word: String) { self = word == BundledModel.name ? .bundled : .file(word) }

  /// The one that is used where none is named: `$KVPOLICY_MODEL`, else the first `.gguf` file, by name, in
  /// the folder `Models`, else the bundled one.
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

  /// What a report calls it.
  var name: String {
    switch self {
    case .file(let path): URL(fileURLWithPath: path).lastPathComponent
    case .bundled: BundledModel.name
    }
  }

  /// Where it is read from, if it is not a part of the program.
  var path: String? { if case .file(let path) = self { path } else { nil } }

  /// Opens it.
  func open() throws(ModelError) -> ModelFiles {
    switch self {
    case .file(let path): try ModelFiles.open(path)
    case .bundled: try BundledModel.open()
    }
  }
}

extension Command {
  /// The model named, or the one at hand.
  func model(_ arguments: Arguments) -> ModelAtHand {
    arguments.text("--model").map { ModelAtHand($0) } ?? ModelAtHand(terminal)
  }
}
