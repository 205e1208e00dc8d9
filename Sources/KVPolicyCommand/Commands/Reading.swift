import Evaluation
import MiniTasks
import ReferenceModel

/// What `compare` reads: a text that is given, or one that the model understands.
struct Reading {
  /// What the report calls it.
  let name: String
  /// Its tokens.
  let tokens: [Int]
  /// Whether the model speaks the language of the tasks and the text does not.
  let isForeign: Bool

  /// - Parameters:
  ///   - given: a text and its name, if one is given.
  ///   - files: the model that reads it.
  ///   - count: tokens that will be read: the length of a document that is drawn from the tasks.
  init(_ given: (text: String, name: String)?, for files: ModelFiles, tokens count: Int) throws {
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
    let bos = tokenizer.addsBOS ? tokenizer.bosToken.map { [$0] } ?? [] : []
    tokens = bos + tokenizer.encode(text, parseSpecial: false)
    isForeign = speaksTasks && TaskLanguage.isForeign(tokens)
  }
}
