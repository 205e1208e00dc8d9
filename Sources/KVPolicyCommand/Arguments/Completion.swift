/// The completions that a shell offers for a word of the command line.
enum Completion: Equatable, Sendable {
  /// No completion: a number, or a text.
  case nothing
  /// One of the given words.
  case words([String])
  /// The name of a policy.
  case policy
  /// Names of policies, separated by commas.
  case policies
  /// The name of a command.
  case command
  /// A file.
  case file
  /// A folder.
  case folder
  /// A model: a file, a folder or the word `bundled`.
  case model

  /// The completions for a value whose placeholder in help is `placeholder`: `FILE`, `f32|f16`.
  init(placeholder: String) {
    switch placeholder {
    case "FILE": self = .file
    case "FOLDER": self = .folder
    case "PATH": self = .model
    case "NAME": self = .policy
    case "NAMES": self = .policies
    case let text where text.contains("|"):
      self = .words(text.split(separator: "|").map(String.init))
    default: self = .nothing
    }
  }
}
