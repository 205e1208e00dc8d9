/// The format that turns a conversation into one text for the model.
///
/// A model's files hold the template as a Jinja program. This type does not run programs: it
/// recognises the templates whose meaning is known exactly, and refuses all other templates.
public enum ChatTemplate: Sendable, Equatable {
  /// `<|im_start|>role`, newline, content, `<|im_end|>`, newline; for each message.
  ///
  /// `defaultSystem` is the system message to add if a conversation does not begin with a system
  /// message (SmolLM2, Qwen2); nil for none.
  case chatML(defaultSystem: String?)

  /// The special token that ends a turn; a model that answers in this format stops with it.
  public var turnEnd: String {
    switch self {
    case .chatML: "<|im_end|>"
    }
  }

  /// The conversation as text, to be encoded with `parseSpecial`.
  ///
  /// A special token's text inside a message becomes the special token, as in the original
  /// templates: check content that you did not write yourself.
  ///
  /// - Parameters:
  ///   - messages: the turns so far, oldest first.
  ///   - addGenerationPrompt: whether the text ends with the start of the model's own turn.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> String {
    switch self {
    case .chatML(let defaultSystem):
      var text = ""
      if let defaultSystem, let first = messages.first, first.role != "system" {
        text += ChatTemplate.turn(.system(defaultSystem))
      }
      for message in messages { text += ChatTemplate.turn(message) }
      return addGenerationPrompt ? text + "<|im_start|>assistant\n" : text
    }
  }

  private static func turn(_ message: ChatMessage) -> String {
    "<|im_start|>\(message.role)\n\(message.content)<|im_end|>\n"
  }
}

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
  /// The speaker: `system`, `user`, `assistant`, or another role that the template knows.
  public var role: String
  /// The text of the turn.
  public var content: String

  /// Makes a turn of `role` with the text `content`.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  /// A system turn: instructions for the whole conversation.
  public static func system(_ content: String) -> ChatMessage {
    ChatMessage(role: "system", content: content)
  }

  /// A turn of the user.
  public static func user(_ content: String) -> ChatMessage {
    ChatMessage(role: "user", content: content)
  }

  /// A turn of the model.
  public static func assistant(_ content: String) -> ChatMessage {
    ChatMessage(role: "assistant", content: content)
  }
}
