import Evaluation
import MiniTasks
import ReferenceModel

/// The prompt of `generate`, as tokens of a model.
struct Prompt {
  /// The prompt's tokens.
  let tokens: [Int]
  /// Whether the model speaks the language of the tasks and the prompt does not.
  let isForeign: Bool

  /// Encodes a typed prompt.
  ///
  /// - Throws: `ModelError.request` for a prompt that is empty or longer than the model's context;
  ///   `ModelError` if `--chat` is given and the model has no usable chat template.
  init(
    _ typed: String, _ arguments: Arguments, for files: ModelFiles, tokenizer: Tokenizer
  ) throws(ModelError) {
    let speaksTasks = TaskLanguage.isSpoken(by: files)
    let text = Prompt.withoutLineEnd(typed, arguments, speaksTasks: speaksTasks)
    guard !text.isEmpty else {
      throw .request("the prompt is empty; give at least one character")
    }
    var tokens = try Prompt.encode(text, arguments, tokenizer: tokenizer)
    if tokenizer.addsBOS, let bos = tokenizer.bosToken, tokens.first != bos {
      tokens.insert(bos, at: 0)
    }
    let context = files.configuration.contextLength
    guard tokens.count <= context else {
      throw .request(
        "the prompt has \(tokens.count) tokens, and the model's context is \(context); shorten it")
    }
    self.tokens = tokens
    isForeign = speaksTasks && TaskLanguage.isForeign(tokens)
  }

  /// The typed text. A text from standard input loses the line end that an editor or `echo` adds. A
  /// prompt in the language of the tasks keeps it, because there a line end is a word and ends
  /// every prompt.
  private static func withoutLineEnd(
    _ typed: String, _ arguments: Arguments, speaksTasks: Bool
  ) -> String {
    guard arguments.text("--prompt") == "-", typed.hasSuffix("\n") else { return typed }
    let isTask = speaksTasks && (try? TaskVocabulary.encode(typed)) != nil
    return isTask ? typed : String(typed.dropLast())
  }

  /// The tokens of a text; with `--chat`, of a conversation in which the text is the user's turn.
  private static func encode(
    _ text: String, _ arguments: Arguments, tokenizer: Tokenizer
  ) throws(ModelError) -> [Int] {
    guard arguments.has("--chat") else { return tokenizer.encode(text, parseSpecial: false) }
    let system = arguments.text("--system").map { [ChatMessage.system($0)] } ?? []
    return tokenizer.encode(
      try tokenizer.chatTemplate().render(system + [.user(text)], addGenerationPrompt: true))
  }
}
