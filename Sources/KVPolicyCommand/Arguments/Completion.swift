/// What a shell offers where a word of the command line is typed.
enum Completion: Equatable, Sendable {
  /// Nothing: a number, or a text.
  case nothing
  /// One of these words.
  case words([String])
  /// The name of a policy.
  case policy
  /// Names of policies with commas between.
  case policies
  /// The name of a command.
  case command
  /// A file.
  case file
  /// A folder.
  case folder
  /// A model: a file, a folder or the word of the bundled one.
  case model

  /// What is offered for a value that help writes so: `FILE`, `f32|f16`.
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
