import ReferenceModel
import Testing

@Suite("The files beside tokenizer.json")
struct TokenizerFilesTests {
  /// Its highest id is 98.
  private static let sound = BrokenTokenizerFileTests.sound
  private static let text = "the<x> <y>!"

  private func tokenizer(
    _ files: [String: String] = [:], changing old: String = "", to new: String = "",
    modelVocabulary: Int = 0
  ) throws -> Tokenizer {
    var files = files
    if !old.isEmpty { #expect(Self.sound.contains(old)) }
    files["tokenizer.json"] =
      old.isEmpty ? Self.sound : Self.sound.replacing(old, with: new, maxReplacements: 1)
    return try TokenizerFixtures.withFolder(files) {
      try Tokenizer(folder: $0, modelVocabulary: modelVocabulary)
    }
  }

  /// A file, and the ids and special tokens of `text` with it, as transformers has them.
  static let additions: [([String: String], [Int], [String])] = [
    (
      [
        "tokenizer_config.json":
          #"{"added_tokens_decoder":{"100":{"content":"<y>","special":false,"lstrip":true},"#
          + #""99":{"content":"<x>","special":true,"normalized":false}}}"#
      ], [97, 99, 100, 1], ["<end>", "<x>"]
    ),
    (["added_tokens.json": #"{"<y>":100,"<x>":99}"#], [97, 99, 0, 100, 1], ["<end>"]),
    (
      ["tokenizer_config.json": #"{"additional_special_tokens":["<y>","the"]}"#],
      [97, 28, 88, 30, 0, 99, 1], ["the", "<end>", "<y>"]
    ),
    (
      ["tokenizer_config.json": #"{"extra_special_tokens":{"x_token":"<x>"}}"#],
      [97, 99, 0, 28, 89, 30, 1], ["<end>", "<x>"]
    ),
    (
      [
        "tokenizer_config.json":
          #"{"pad_token":"","extra_special_tokens":["","<x>",{"content":"<y>","lstrip":true}]}"#
      ], [97, 99, 100, 1], ["<end>", "<x>", "<y>"]
    ),
    (
      ["special_tokens_map.json": #"{"additional_special_tokens":["<x>"],"pad_token":"!"}"#],
      [97, 99, 0, 28, 89, 30, 1], ["!", "<end>", "<x>"]
    ),
    (
      ["added_tokens.json": #"{"<x>":1000000000}"#],
      [97, 1_000_000_000, 0, 28, 89, 30, 1], ["<end>"]
    ),
    (
      ["tokenizer_config.json": #"{"bos_token":"<none>","eos_token":"<none>","x_token":7}"#],
      [97, 28, 88, 30, 0, 28, 89, 30, 1], ["<end>"]
    ),
  ]

  @Test("add tokens, with the ids that they say", arguments: additions)
  func added(files: [String: String], ids: [Int], special: [String]) throws {
    let tokenizer = try tokenizer(files)
    #expect(tokenizer.encode(Self.text) == ids)
    #expect(tokenizer.specialTokens.map(\.text) == special)
    #expect(tokenizer.bosToken == nil && tokenizer.eosTokens.isEmpty)
    #expect(try tokenizer.decode(ids).replacing(" ", with: "") == "the<x><y>!")
  }

  @Test("change the flags of a token, and not its id") func flags() throws {
    let config = #"{"added_tokens_decoder":{"97":{"content":"<end>","lstrip":true}}}"#
    let tokenizer = try tokenizer(["tokenizer_config.json": config])
    #expect(tokenizer.encode("the  <end>") == [97, 98])
    #expect(tokenizer.specialTokens.isEmpty)
  }

  @Test("a far id takes no memory between, and an id in a hole has no text") func holes() throws {
    let far = 2_147_483_646
    let tokenizer = try tokenizer(changing: #""id":98"#, to: #""id":\#(far)"#)
    #expect(tokenizer.encode("the<end>") == [97, far])
    #expect(tokenizer.vocabularySize == 99)
    #expect(try tokenizer.decode([97, 98, 1 << 30, far, far - 1]) == "the<end>")
    #expect(throws: ModelError.self) { try tokenizer.decode([far + 1]) }
  }

  @Test("an id that only the model has, has no text") func padded() throws {
    let tokenizer = try tokenizer(modelVocabulary: 128)
    #expect(try tokenizer.decode([97, 99, 127, 98]) == "the<end>")
    #expect(try tokenizer.bytes(of: 127).isEmpty)
    var stream = tokenizer.makeStream(skipSpecial: true)
    #expect(try stream.push(127) + stream.push(97) + stream.push(98) == "the")
    for token in [-1, 128, Int.max] {
      #expect(throws: ModelError.self) { try stream.push(token) }
    }
  }

  @Test("only the post-processor decides about BOS") func beginning() throws {
    let template =
      #""post_processor":{"type":"Sequence","processors":[{"type":"Sequence","processors":["#
      + #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<end>"}},{"Sequence":{}}]}]}]}"#
    for flag in ["true", "false"] {
      let config = [
        "tokenizer_config.json": #"{"bos_token":"the","add_bos_token":\#(flag)}"#
      ]
      let plain = try tokenizer(config)
      #expect(plain.bosToken == 97 && !plain.addsBOS)
      let adding = try tokenizer(config, changing: #""post_processor":null"#, to: template)
      #expect(adding.bosToken == 98 && adding.addsBOS)
    }
  }

  @Test("chat_template.jinja goes before the template of the configuration") func template() throws
  {
    let config = ["tokenizer_config.json": #"{"chat_template":"old"}"#]
    #expect(try tokenizer(config).chatTemplateSource == "old")
    let both = try tokenizer(config.merging(["chat_template.jinja": "new"]) { $1 })
    #expect(both.chatTemplateSource == "new")
  }

  @Test("a turn's end stops a generation, whatever the file calls its end") func turnEnd() throws {
    let chatML =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
      + "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
      + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    var metadata = try TokenizerFixtures.metadata()
    metadata["tokenizer.ggml.eos_token_id"] = .integer(0)
    #expect(try Tokenizer(metadata: metadata).eosTokens == [0])
    metadata["tokenizer.chat_template"] = .string("{{ '<|im_end|>' }}")
    #expect(try Tokenizer(metadata: metadata).eosTokens == [0])
    metadata["tokenizer.chat_template"] = .string(chatML)
    let tokenizer = try Tokenizer(metadata: metadata)
    #expect(tokenizer.eosTokens == [0] + tokenizer.encode("<|im_end|>"))
  }

  @Test("the number -1 names no token", arguments: [Int64(-1), Int64(UInt32.max)])
  func noToken(number: Int64) throws {
    var metadata = try TokenizerFixtures.metadata()
    metadata["tokenizer.ggml.pre"] = .string("llama-bpe")
    for name in ["bos", "eos", "eot", "eom", "unknown", "padding"] {
      metadata["tokenizer.ggml.\(name)_token_id"] = .integer(number)
    }
    let tokenizer = try Tokenizer(metadata: metadata)
    #expect(tokenizer.bosToken == nil && !tokenizer.addsBOS && tokenizer.eosTokens.isEmpty)
    let folder = try self.tokenizer([
      "generation_config.json": #"{"eos_token_id":[\#(number),97]}"#
    ])
    #expect(folder.eosTokens == [97])
  }

  @Test("U+FFFD is text like any other") func replacement() throws {
    let tokenizer = try TokenizerFixtures.small("qwen2")
    let text = "a\u{FFFD}\u{FFFD} b"
    #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    var stream = tokenizer.makeStream(skipSpecial: true)
    var shown = ""
    for token in tokenizer.encode(text) { shown += try stream.push(token) }
    #expect(shown + stream.finish() == text)
  }
}
