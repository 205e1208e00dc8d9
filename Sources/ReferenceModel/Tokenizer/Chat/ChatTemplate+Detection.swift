extension ChatTemplate {
  /// Recognises a template by its tags, independent of spacing and quotes.
  ///
  /// - Throws: `ModelError.unsupported` for any other template; the message names the supported
  ///   templates.
  public static func detect(from template: String) throws(ModelError) -> ChatTemplate {
    let unsupported = ModelError.unsupported(
      what: "this chat template",
      supported: "ChatML, with or without a default system message;"
        + " write the prompt yourself and pass it as plain text")
    guard var tags = JinjaTag.tags(of: template) else { throw unsupported }
    // The prelude sets a default for `add_generation_prompt`, which `render` always receives.
    if tags.starts(with: prelude) { tags.removeFirst(prelude.count) }
    guard tags.starts(with: loopStart) else { throw unsupported }
    tags.removeFirst(loopStart.count)
    var defaultSystem: String?
    if tags.first == firstIsNotSystem {
      guard tags.count > 2, let text = tags[1].printedText, tags[2] == .statement("endif"),
        text.hasPrefix(systemStart), text.hasSuffix(turnEnd)
      else { throw unsupported }
      defaultSystem = String(text.dropFirst(systemStart.count).dropLast(turnEnd.count))
      tags.removeFirst(3)
    }
    guard endings.contains(tags) else { throw unsupported }
    return .chatML(defaultSystem: defaultSystem)
  }

  private static let systemStart = "<|im_start|>system\n"
  private static let turnEnd = "<|im_end|>\n"
  private static let prelude: [JinjaTag] = [
    .statement("if not add_generation_prompt is defined"),
    .statement("set add_generation_prompt=false"), .statement("endif"),
  ]
  private static let loopStart: [JinjaTag] = [.statement("for message in messages")]
  private static let firstIsNotSystem = JinjaTag.statement(
    "if loop.first and messages[0]['role']!='system'")

  /// The legal endings: a turn, the end of the loop, and the generation prompt.
  private static let endings: [[JinjaTag]] = [
    .output([
      .text("<|im_start|>"), .code("message['role']"), .text("\n"), .code("message['content']"),
      .text(turnEnd),
    ])
  ].map { turn in
    [
      turn, .statement("endfor"), .statement("if add_generation_prompt"),
      .output([.text("<|im_start|>assistant\n")]), .statement("endif"),
    ]
  }
}
