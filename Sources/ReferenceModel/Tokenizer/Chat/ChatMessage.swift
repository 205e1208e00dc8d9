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
