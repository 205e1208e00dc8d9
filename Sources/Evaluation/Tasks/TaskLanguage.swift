import MiniTasks
import ReferenceModel

/// Whether a model knows the words of the task language, and how tokens are written as words.
package enum TaskLanguage {
  /// Whether a model's first tokens are the words of the language, in order.
  package static func isSpoken(by files: ModelFiles) -> Bool { (try? check(files)) != nil }

  /// Whether tokens of such a model are not text of the language: more than a quarter of the tokens
  /// lie outside the language.
  package static func isForeign(_ tokens: [Int]) -> Bool {
    4 * tokens.count { $0 >= TaskVocabulary.count } > tokens.count
  }

  /// Refuses a model whose first tokens are not the words of the language, in order.
  static func check(_ files: ModelFiles) throws(ModelError) {
    let count = TaskVocabulary.count
    guard files.configuration.vocabulary >= count else {
      throw refusal("it has \(files.configuration.vocabulary) tokens, and the language \(count)")
    }
    let tokenizer = try files.tokenizer()
    // Decodes one more word, because the last word of a text can lack its trailing space.
    let all = Array(0..<count)
    guard let text = try? TaskVocabulary.text(of: all + all.suffix(1)) else {
      throw refusal("the language cannot be written")
    }
    let encoded = tokenizer.encode(text)
    guard let wrong = all.first(where: { !encoded.indices.contains($0) || encoded[$0] != $0 })
    else { return }
    let shown = word(wrong) == "\n" ? "the end of a line" : "'\(word(wrong))'"
    throw refusal("token \(wrong) of the language, \(shown), is another one of the model")
  }

  private static func refusal(_ reason: String) -> ModelError {
    .request(
      "the model does not speak the language of the tasks: \(reason); use the bundled model, or one "
        + "that was trained on documents of MiniTasks ('kvpolicy compare' takes any model)")
  }

  /// A token as one word, without the space after it; `<600>` for a token outside the language.
  static func word(_ token: Int) -> String {
    guard let text = try? TaskVocabulary.text(of: [token]) else { return "<\(token)>" }
    return text.hasSuffix(" ") ? String(text.dropLast()) : text
  }
}
