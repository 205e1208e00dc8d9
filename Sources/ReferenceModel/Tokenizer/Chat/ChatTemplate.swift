/// How a conversation is written as one text for the model.
///
/// Models carry their template as a Jinja program. Instead of running programs we recognise the
/// families whose meaning we know exactly, and refuse the rest.
public enum ChatTemplate: Sendable, Equatable {
  /// `<|im_start|>role`, newline, content, `<|im_end|>`, newline; for each message.
  ///
  /// `defaultSystem` is the system message that the model wants where a conversation does not begin
  /// with one (SmolLM2, Qwen2); nil for none.
  case chatML(defaultSystem: String?)

  /// The conversation as text, to be encoded with `parseSpecial`.
  ///
  /// A message whose content spells a special token becomes that token, as in the original
  /// templates: check what you did not write yourself.
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
  /// Who speaks: `system`, `user`, `assistant`, or what else the template knows.
  public var role: String
  /// What is said.
  public var content: String

  /// A turn of `role`, saying `content`.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  /// Instructions for the whole conversation.
  public static func system(_ content: String) -> ChatMessage {
    ChatMessage(role: "system", content: content)
  }

  /// What the person says.
  public static func user(_ content: String) -> ChatMessage {
    ChatMessage(role: "user", content: content)
  }

  /// What the model said.
  public static func assistant(_ content: String) -> ChatMessage {
    ChatMessage(role: "assistant", content: content)
  }
}
