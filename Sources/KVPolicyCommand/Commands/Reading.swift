import Evaluation
import MiniTasks
import ReferenceModel

/// The text that `compare` reads: a given text, or else a text that the model understands.
struct Reading {
  /// The text's name in the report.
  let name: String
  /// The text's tokens.
  let tokens: [Int]
  /// Whether the model speaks the language of the tasks and the text does not.
  let isForeign: Bool

  /// Encodes a given text, or else chooses a text.
  ///
  /// - Parameters:
  ///   - given: a text and its name, or nil to choose a text.
  ///   - special: whether special tokens are found in a given text.
  ///   - files: the model that reads the text.
  ///   - count: the number of tokens that will be read. A document of the tasks is at least this
  ///     long.
  init(
    _ given: (text: String, name: String)?, special: Bool, for files: ModelFiles, tokens count: Int
  ) throws {
    let tokenizer = try files.tokenizer()
    let speaksTasks = TaskLanguage.isSpoken(by: files)
    let text: String
    if let given {
      (text, name) = given
    } else if speaksTasks {
      let kind = TaskComparison.Default.kind
      let document = try TaskComparison.document(
        0, seed: TaskComparison.Default.seed, kind, tokens: max(count, kind.shortest))
      (text, name) = (try TaskVocabulary.text(of: document.tokens), "task")
    } else {
      (text, name) = (BuiltInText.story, BuiltInText.name)
    }
    tokens = tokenizer.begun(tokenizer.encode(text, parseSpecial: special && given != nil))
    isForeign = speaksTasks && TaskLanguage.isForeign(tokens)
  }
}
