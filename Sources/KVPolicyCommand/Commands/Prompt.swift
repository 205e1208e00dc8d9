import Evaluation
import MiniTasks
import ReferenceModel

/// A given prompt, as tokens of a model.
struct Prompt {
  /// The prompt's tokens.
  let tokens: [Int]
  /// Whether the model speaks the language of the tasks and the prompt does not.
  let isForeign: Bool

  /// Encodes a prompt.
  ///
  /// - Parameters:
  ///   - given: the prompt.
  ///   - isFile: whether the prompt was read from a file or standard input, not from the command
  ///     line.
  ///   - arguments: the command's options, `--chat` and `--system` among them.
  ///   - special: whether special tokens are found in the prompt.
  ///   - files: the model that reads the prompt.
  ///   - tokenizer: the model's tokenizer.
  /// - Throws: `ModelError.request` for a prompt that is empty or longer than the model's context;
  ///   `ModelError` if `--chat` is given and the model has no usable chat template.
  init(
    _ given: String, isFile: Bool, _ arguments: Arguments, special: Bool, for files: ModelFiles,
    tokenizer: Tokenizer
  ) throws(ModelError) {
    let speaksTasks = TaskLanguage.isSpoken(by: files)
    let text = isFile ? Prompt.withoutLineEnd(given, speaksTasks: speaksTasks) : given
    guard !text.isEmpty else {
      throw .request("the prompt is empty; give at least one character")
    }
    let tokens = tokenizer.begun(
      try Prompt.encode(text, arguments, special: special, tokenizer: tokenizer))
    let context = files.configuration.contextLength
    guard tokens.count <= context else {
      throw .request(
        "the prompt has \(tokens.count) tokens, and the model's context is \(context); shorten it")
    }
    self.tokens = tokens
    isForeign = speaksTasks && TaskLanguage.isForeign(tokens)
  }

  /// The text without the line end that an editor or `echo` adds: a line feed, or a carriage return
  /// with a line feed. A prompt in the language of the tasks keeps it, because there a line end is
  /// a word and ends every prompt.
  private static func withoutLineEnd(_ typed: String, speaksTasks: Bool) -> String {
    // A carriage return with a line feed is one character.
    guard let last = typed.last, ["\n", "\r\n"].contains(last) else { return typed }
    let isTask = speaksTasks && (try? TaskVocabulary.encode(typed)) != nil
    return isTask ? typed : String(typed.dropLast())
  }

  /// The tokens of a text; with `--chat`, of a conversation in which the text is the user's turn.
  private static func encode(
    _ text: String, _ arguments: Arguments, special: Bool, tokenizer: Tokenizer
  ) throws(ModelError) -> [Int] {
    guard arguments.has("--chat") else { return tokenizer.encode(text, parseSpecial: special) }
    let system = arguments.text("--system").map { [ChatMessage.system($0)] } ?? []
    return tokenizer.encode(
      try tokenizer.chatTemplate().render(system + [.user(text)], addGenerationPrompt: true))
  }
}
