/// What can be wrong with a text of the task language, or with the recipe of a document.
public enum TaskError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A text contains a word that is not in the language.
  case unknownWord(String, line: Int)
  /// A line or the whole text ends right after a word, without the word's space.
  case unfinishedWord(String, line: Int)
  /// A number that is not a token of the language.
  case unknownToken(Int)
  /// A recipe for a document that the language cannot express.
  case recipe(String)
  /// A recipe for a document that needs more tokens than it allows.
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
