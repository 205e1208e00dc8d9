/// What can be wrong with a text of the task language, or with what a document is asked to hold.
public enum TaskError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A text holds something that is no word of the language.
  case unknownWord(String, line: Int)
  /// A text ends a line or itself right after a word.
  case unfinishedWord(String, line: Int)
  /// A number is no token of the language.
  case unknownToken(Int)
  /// A recipe asks for what the language cannot say.
  case recipe(String)
  /// A recipe asks for more than its tokens can hold.
  case tooShort(tokens: Int, needed: Int)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .unknownWord(let word, let line):
      "line \(line): '\(word)' is no word of the task language; each word is followed by one space"
    case .unfinishedWord(let word, let line):
      "line \(line): '\(word)' has no space after it; each word is followed by one, the last of a line too"
    case .unknownToken(let token):
      "\(token) is no token of the task language; its tokens are 0...\(TaskVocabulary.count - 1)"
    case .recipe(let reason): reason
    case .tooShort(let tokens, let needed):
      "\(tokens) tokens cannot hold the document; this recipe may need up to \(needed)"
    }
  }
}
