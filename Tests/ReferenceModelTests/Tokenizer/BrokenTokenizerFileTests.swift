import Foundation
import ReferenceModel
import Testing

@Suite("A tokenizer.json that lies is refused")
struct BrokenTokenizerFileTests {
  /// One replacement in a sound file, and what the message must mention.
  struct Lie: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var mentions: String
    var testDescription: String { "\(old) → \(new.prefix(60))" }

    init(_ old: String, _ new: String, mentions: String) {
      (self.old, self.new, self.mentions) = (old, new, mentions)
    }
  }

  /// A small but complete file: the letters of plain text, two merges, one special token.
  static let sound: String = {
    let bytes = (UInt8(0x20)...0x7E) + [0x0A]
    let texts = bytes.map { String(decoding: ByteAlphabet.spelling(of: [$0]), as: UTF8.self) }
    let tokens = (texts + ["th", "the"]).enumerated().map { id, text in
      "\"\(text == "\"" || text == "\\" ? "\\" + text : text)\":\(id)"
    }
    return """
      {"added_tokens":[{"id":98,"content":"<end>","special":true,"normalized":false}],
      "normalizer":null,"post_processor":null,"decoder":{"type":"ByteLevel"},
      "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
      "model":{"type":"BPE","dropout":null,"unk_token":null,"fuse_unk":false,
      "merges":["t h",["th","e"]],"vocab":{\(tokens.joined(separator: ","))}}}
      """
  }()

  private static let byteLevel =
    #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#

  static let lies: [Lie] = [
    // The vocabulary.
    Lie(#""the":97"#, #""the":98"#, mentions: "has id 98"),
    Lie(#""the":97"#, #""the":96"#, mentions: "has id 96"),
    Lie(#""the":97"#, #""the":-1"#, mentions: "-1"),
    Lie(#""the":97"#, #""the":9e9"#, mentions: "a number"),
    Lie(#""the":97"#, #""the":9223372036854775807"#, mentions: "9223372036854775807"),
    Lie(#""the":97"#, #""the":"96""#, mentions: "text"),
    Lie(#""the":97"#, #""the":null"#, mentions: "merge 1"),
    Lie(#""the":97"#, #""thy":97"#, mentions: "merge 1"),
    Lie(#","the":97"#, "", mentions: "merge 1"),
    Lie(#""the":97"#, #""the":2147483647"#, mentions: "2147483647"),
    Lie(#""vocab":{"#, #""vocab":[],"x":{"#, mentions: "object"),
    Lie(#""vocab":{"#, #""x":{"#, mentions: "model.vocab"),
    Lie(#""A":33"#, #""AA":33"#, mentions: "no token stands for byte 65"),
    Lie(#""type":"BPE""#, #""type":"WordPiece""#, mentions: "WordPiece"),
    Lie(#""type":"BPE""#, #""type":5"#, mentions: "whole number"),
    Lie(#""model":{"#, #""model":7,"x":{"#, mentions: "object"),
    Lie(#""model":{"#, #""x":{"#, mentions: "no model"),
    // The merges.
    Lie(#""t h""#, #""t q""#, mentions: "merge 0"),
    Lie(#""t h""#, #""th""#, mentions: "not two tokens"),
    Lie(#""t h""#, "17", mentions: "whole number"),
    Lie(#""t h""#, #"["t"]"#, mentions: "two texts"),
    Lie(#""t h""#, #"["t",1]"#, mentions: "two texts"),
    Lie(#""merges""#, #""x""#, mentions: "merges"),
    Lie(#"["t h",["th","e"]]"#, #"{"t":"h"}"#, mentions: "list"),
    Lie(#""dropout":null"#, #""dropout":0.1"#, mentions: "dropout"),
    Lie(#""dropout":null"#, #""byte_fallback":true"#, mentions: "byte_fallback"),
    Lie(#""dropout":null"#, #""end_of_word_suffix":"</w>""#, mentions: "</w>"),
    Lie(#""dropout":null"#, #""ignore_merges":"yes""#, mentions: "ignore_merges"),
    Lie(#""unk_token":null"#, #""unk_token":"<unk>""#, mentions: "<unk>"),
    Lie(#""fuse_unk":false"#, #""fuse_unk":true"#, mentions: "fuse_unk"),
    // The added tokens.
    Lie(#""id":98"#, #""id":97"#, mentions: "<end>' has id 97"),
    Lie(#""id":98"#, #""id":2147483647"#, mentions: "ids are 0 to 2147483646"),
    Lie(#""id":98"#, #""id":-98"#, mentions: "-98"),
    Lie(#""id":98,"#, "", mentions: "needs an id"), Lie(#""<end>""#, #""""#, mentions: "content"),
    Lie(#""<end>""#, #""the""#, mentions: "contradicts"),
    Lie(#""<end>""#, "[]", mentions: "a list"),
    Lie(#""special":true"#, #""special":1"#, mentions: "special"),
    Lie(#""added_tokens":["#, #""added_tokens":[7,"#, mentions: "object"),
    Lie(#""added_tokens":["#, #""added_tokens":{},"x":["#, mentions: "list"),
    // The rules.
    Lie(byteLevel, "null", mentions: "ByteLevel"), Lie(byteLevel, "[]", mentions: "object"),
    Lie(byteLevel, #"{"type":"Metaspace"}"#, mentions: "Metaspace"),
    Lie(byteLevel, #"{"type":"Sequence","pretokenizers":[]}"#, mentions: "empty"),
    Lie(
      byteLevel, #"{"type":"Sequence","pretokenizers":[{"type":"Sequence"}]}"#, mentions: "Sequence"
    ),
    Lie(byteLevel, #"{"type":"Sequence","pretokenizers":[{"type":"Digits"}]}"#, mentions: "Digits"),
    Lie(
      byteLevel, #"{"type":"Sequence","pretokenizers":[{"type":"Punctuation"},\#(byteLevel)]}"#,
      mentions: "Punctuation"),
    Lie(
      byteLevel, split(#""behavior":"Isolated","pattern":{"Regex":"(a+)+$"}"#), mentions: "(a+)+$"),
    Lie(byteLevel, split(#""behavior":"Isolated","pattern":{"String":" "}"#), mentions: "no Regex"),
    Lie(byteLevel, split(#""behavior":"Removed","pattern":{"Regex":" "}"#), mentions: "Removed"),
    Lie(byteLevel, split(#""behavior":"Isolated","invert":true"#), mentions: "inverted"),
    Lie(#""normalizer":null"#, #""normalizer":{"type":"NFKC"}"#, mentions: "NFKC"),
    Lie(#""normalizer":null"#, #""normalizer":"NFC""#, mentions: "text"),
    Lie(
      #""decoder":{"type":"ByteLevel"}"#, #""decoder":{"type":"WordPiece"}"#, mentions: "WordPiece"),
    Lie(
      #""post_processor":null"#, #""post_processor":{"type":"BertProcessing"}"#,
      mentions: "BertProcessing"),
    Lie(
      #""post_processor":null"#,
      #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<end>"}}]}"#,
      mentions: "template"),
    // The file itself.
    Lie(#""normalizer":null,"#, #""normalizer":null,"normalizer":null,"#, mentions: "twice"),
    Lie(#"{"added_tokens""#, #"["added_tokens""#, mentions: "not closed"),
    Lie(#"{"added_tokens""#, String(repeating: "[", count: 1 << 20), mentions: "deeper"),
    Lie(
      #""normalizer":null"#, #""normalizer":"# + String(repeating: #"{"a":"#, count: 1 << 18),
      mentions: "deeper"),
    Lie(#""normalizer":null"#, "\"normalizer\":\"\u{1}\"", mentions: "control"),
  ]

  private static func split(_ settings: String) -> String {
    #"{"type":"Sequence","pretokenizers":[{"type":"Split",\#(settings)},\#(byteLevel)]}"#
  }

  @Test("with an error that says what is wrong", arguments: lies)
  func refused(lie: Lie) throws {
    #expect(Self.sound.contains(lie.old))
    let broken = Self.sound.replacing(lie.old, with: lie.new, maxReplacements: 1)
    let error = try TokenizerFixtures.withFolder(["tokenizer.json": broken]) { folder in
      #expect(throws: ModelError.self) { try Tokenizer(folder: folder) }
    }
    #expect(error?.description.contains(lie.mentions) == true, "\(error?.description ?? "none")")
  }

  @Test("however early it ends") func truncated() throws {
    let bytes = Array(Self.sound.utf8)
    for count in stride(from: 0, to: bytes.count, by: 29) {
      let start = String(decoding: bytes[..<count], as: UTF8.self)
      try TokenizerFixtures.withFolder(["tokenizer.json": start]) { folder in
        #expect(throws: ModelError.self, "\(count) bytes") { try Tokenizer(folder: folder) }
      }
    }
  }

  @Test(
    "also by what the files beside it say",
    arguments: [
      ("tokenizer_config.json", "[]"), ("tokenizer_config.json", "{"),
      ("tokenizer_config.json", #"{"bos_token":7}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder":{"98":{"content":"<other>"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder":{"x":{"content":"<other>"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder":{"99":"<other>"}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder":{"99":{}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder":{"-1":{"content":"<other>"}}}"#),
      ("tokenizer_config.json", #"{"additional_special_tokens":[7]}"#),
      ("tokenizer_config.json", #"{"extra_special_tokens":"<other>"}"#),
      ("special_tokens_map.json", #"{"bos_token":7}"#), ("special_tokens_map.json", "[]"),
      ("added_tokens.json", #"{"<other>":98}"#), ("added_tokens.json", #"{"<other>":"99"}"#),
      ("added_tokens.json", #"{"<other>":9223372036854775807}"#),
      ("tokenizer_config.json", #"{"chat_template":1}"#),
      ("generation_config.json", #"{"eos_token_id":-2}"#),
      ("generation_config.json", #"{"eos_token_id":[1,1e3]}"#),
      ("generation_config.json", #"{"eos_token_id":[99]}"#), ("generation_config.json", "null"),
    ])
  func besides(name: String, text: String) throws {
    try TokenizerFixtures.withFolder(["tokenizer.json": Self.sound, name: text]) { folder in
      #expect(throws: ModelError.self) { try Tokenizer(folder: folder) }
    }
  }

  @Test("but a sound one is read, with what the files beside it say") func sound() throws {
    let files = [
      "tokenizer.json": Self.sound, "generation_config.json": #"{"eos_token_id":[98,3]}"#,
      "tokenizer_config.json":
        #"{"bos_token":{"content":"<end>"},"add_bos_token":true,"eos_token":"<end>"}"#,
      "chat_template.jinja": "{{ messages }}",
    ]
    let tokenizer = try TokenizerFixtures.withFolder(files) { try Tokenizer(folder: $0) }
    #expect(tokenizer.vocabularySize == 99)
    #expect(tokenizer.bosToken == 98 && !tokenizer.addsBOS)
    #expect(tokenizer.eosTokens == [3, 98])
    #expect(tokenizer.specialTokens.map(\.text) == ["<end>"])
    #expect(tokenizer.encode("the<end>") == [97, 98])
    #expect(tokenizer.chatTemplateSource == "{{ messages }}")
    #expect(throws: ModelError.self) { try tokenizer.chatTemplate() }
    let alone = try TokenizerFixtures.withFolder(["tokenizer.json": Self.sound]) {
      try Tokenizer(folder: $0)
    }
    #expect(alone.bosToken == nil && alone.eosTokens.isEmpty && !alone.addsBOS)
  }

  @Test("a folder without tokenizer.json cannot be read") func missing() throws {
    try TokenizerFixtures.withFolder([:]) { folder in
      #expect(throws: ModelError.self) { try Tokenizer(folder: folder) }
    }
  }

  @Test("the token that a template puts before the text is the BOS token") func template() throws {
    let tokenizer = try TokenizerFixtures.small("llama-bpe")
    #expect(tokenizer.addsBOS)
    #expect(tokenizer.bosToken == tokenizer.encode("<|endoftext|>").first)
    #expect(try TokenizerFixtures.small("smollm").chatTemplate() == .chatML(defaultSystem: nil))
    #expect(try TokenizerFixtures.small("smollm").eosTokens.count == 2)
  }
}
