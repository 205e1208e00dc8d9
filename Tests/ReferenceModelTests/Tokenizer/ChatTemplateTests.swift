import Foundation
import ReferenceModel
import Testing

@Suite("Chat templates")
struct ChatTemplateTests {
  private struct Fixture: Decodable {
    struct Message: Decodable {
      var role: String
      var content: String
    }
    struct Chat: Decodable {
      var template: String
      var messages: [Message]
      var prompt: Bool
      var text: String
    }
    var templates: [String: String]
    var chats: [Chat]
  }

  @Test("a conversation is written as the template's own program writes it") func oracle() throws {
    let data = try Data(contentsOf: TokenizerFixtures.folder.appending(path: "chats.json"))
    let fixture = try JSONDecoder().decode(Fixture.self, from: data)
    #expect(Set(fixture.chats.map(\.template)) == Set(fixture.templates.keys))
    for chat in fixture.chats {
      let template = try ChatTemplate.detect(from: try #require(fixture.templates[chat.template]))
      let messages = chat.messages.map { ChatMessage(role: $0.role, content: $0.content) }
      let text = template.render(messages, addGenerationPrompt: chat.prompt)
      #expect(Array(text.utf8) == Array(chat.text.utf8), "\(chat.template)")
    }
  }

  @Test("no messages give no text, as the program's loop does") func empty() {
    let template = ChatTemplate.chatML(defaultSystem: "Be kind.")
    #expect(template.render([], addGenerationPrompt: false).isEmpty)
    #expect(template.render([], addGenerationPrompt: true) == "<|im_start|>assistant\n")
  }

  /// ChatML, with one place to change.
  private static func template(
    before: String = "", content: String = "message['content']", after: String = ""
  ) -> String {
    before + "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + " + content
      + " + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}"
      + "{{ '<|im_start|>assistant\\n' }}{% endif %}" + after
  }

  @Test("ChatML is recognised whatever its quotes") func quotes() throws {
    #expect(try ChatTemplate.detect(from: Self.template()) == .chatML(defaultSystem: nil))
    let double = Self.template().replacing("'", with: "\"")
    #expect(try ChatTemplate.detect(from: double) == .chatML(defaultSystem: nil))
  }

  @Test(
    "a template that may mean anything else is refused",
    arguments: [
      "", "{", "{{", "{%", "{{ '", "{{ '\\", "{{ }}", "{{ + }}", "{% %}", "{%-", "-%}",
      "plain text",
      "{% for message in messages %}", "{{ bos_token }}{% for message in messages %}{% endfor %}",
      template(before: "{{ bos_token }}"), template(before: "x"), template(after: "x"),
      template(after: "{{ eos_token }}"), template(content: "message['content'] | trim"),
      template(content: "message['content'] + ' '"), template(content: "messagecontent"),
      template().replacing("endfor %}", with: "endfor %} "),
      template().replacing("im_start", with: "im_begin"),
      template().replacing("'}}", with: "'}}\n"),
      template().replacing("assistant", with: "model"), template() + template(),
      template(content: "message['content'] if message['content'] is string else ''"),
    ])
  func refused(source: String) {
    #expect(throws: ModelError.self) { try ChatTemplate.detect(from: source) }
  }
}
