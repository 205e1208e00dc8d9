import Foundation
import ReferenceModel
import Testing

@Suite("The small vocabularies give the ids of the Hugging Face library")
struct TokenizerOracleTests {
  @Test("for every hard string, from tokenizer.json", arguments: TokenizerFixtures.rules)
  func folders(rule: String) throws {
    let tokenizer = try TokenizerFixtures.small(rule)
    #expect(tokenizer.preTokenizer == rule)
    try expectEveryCase(of: tokenizer) { $0.small[rule] }
  }

  @Test("for every hard string, from GGUF metadata", arguments: TokenizerFixtures.rules)
  func metadata(rule: String) throws {
    var metadata = try TokenizerFixtures.metadata()
    metadata["tokenizer.ggml.pre"] = .string(rule)
    let tokenizer = try Tokenizer(metadata: metadata)
    #expect(tokenizer.preTokenizer == rule)
    try expectEveryCase(of: tokenizer) { $0.small[rule] }
  }

  @Test("for added tokens of every kind, composed text and bytes without a token")
  func addedTokens() throws {
    struct Line: Decodable {
      var folder: String
      var text: String
      var ids: [[Int]]
    }
    let lines = try TokenizerFixtures.lines("added.jsonl", as: Line.self)
    for name in Set(lines.map(\.folder)) {
      let folder = TokenizerFixtures.folder.appending(path: "added/\(name)").path
      let tokenizer = try Tokenizer(folder: folder)
      #expect(!tokenizer.missingBytes.isEmpty)
      for line in lines where line.folder == name {
        #expect(
          tokenizer.encode(line.text) == line.ids.first, "\(name): \(line.text.debugDescription)")
        #expect(
          tokenizer.encode(line.text, parseSpecial: false) == line.ids.last,
          "\(name), plain: \(line.text.debugDescription)")
      }
    }
  }

  @Test("for the lossy decoding of bytes that are no text", arguments: TokenizerFixtures.rules)
  func lossy(rule: String) throws {
    let tokenizer = try TokenizerFixtures.small(rule)
    for line in try TokenizerFixtures.lines("bytes.jsonl", as: TokenizerFixtures.ByteCase.self) {
      let text = String(decoding: line.bytes, as: UTF8.self)
      #expect(tokenizer.encode(text) == line.lossy[rule], "\(line.hex)")
    }
  }

  @Test("for the bytes themselves, joined piece by piece", arguments: ["gpt2", "llama-bpe"])
  func raw(rule: String) throws {
    let tokenizer = try TokenizerFixtures.small(rule)
    for line in try TokenizerFixtures.lines("bytes.jsonl", as: TokenizerFixtures.ByteCase.self) {
      guard let expected = line.raw[rule] else { continue }
      #expect(tokenizer.encode(bytes: line.bytes) == expected, "\(line.hex)")
    }
  }
}

@Suite(
  "SmolLM2's vocabulary gives the ids of the Hugging Face library",
  .enabled(if: TokenizerFixtures.modelFile != nil, "needs Models/SmolLM2*.gguf"))
struct RealVocabularyTests {
  let tokenizer: Tokenizer

  init() throws {
    let path = try #require(TokenizerFixtures.modelFile)
    tokenizer = try Tokenizer(metadata: try MetadataReader.metadata(of: path))
  }

  @Test("for every hard string") func strings() throws {
    #expect(tokenizer.preTokenizer == "smollm")
    try expectEveryCase(of: tokenizer) { $0.smollm2 }
  }

  @Test("for the lossy decoding of bytes that are no text") func bytes() throws {
    for line in try TokenizerFixtures.lines("bytes.jsonl", as: TokenizerFixtures.ByteCase.self) {
      let text = String(decoding: line.bytes, as: UTF8.self)
      #expect(tokenizer.encode(text) == line.lossy["smollm2"], "\(line.hex)")
    }
  }

  @Test("and reads back every string whose bytes all have a token") func roundTrip() throws {
    let missing = Set(tokenizer.missingBytes)
    for line in try TokenizerFixtures.cases() where missing.isDisjoint(with: line.text.utf8) {
      let text = try tokenizer.decode(tokenizer.encode(line.text))
      #expect(Array(text.utf8) == Array(line.text.utf8), "\(line.text.debugDescription)")
    }
  }

  @Test("and says how a conversation ends and is written") func facts() throws {
    #expect(tokenizer.addsBOS == false)
    let named = Dictionary(uniqueKeysWithValues: tokenizer.specialTokens.map { ($0.text, $0.id) })
    #expect(tokenizer.eosTokens == [named["<|im_end|>"]])
    #expect(tokenizer.bosToken == named["<|im_start|>"])
    let source = try #require(tokenizer.chatTemplateSource)
    #expect(try tokenizer.chatTemplate() == ChatTemplate.detect(from: source))
  }
}

/// Compares the ids of every string of the fixture, with special tokens and without.
private func expectEveryCase(
  of tokenizer: Tokenizer, ids: (TokenizerFixtures.Case) -> [[Int]]?
) throws {
  let cases = try TokenizerFixtures.cases()
  #expect(cases.count >= 600)
  for line in cases {
    let expected = try #require(ids(line))
    #expect(tokenizer.encode(line.text) == expected.first, "\(line.text.debugDescription)")
    #expect(
      tokenizer.encode(line.text, parseSpecial: false) == expected.last,
      "plain: \(line.text.debugDescription)")
  }
}
