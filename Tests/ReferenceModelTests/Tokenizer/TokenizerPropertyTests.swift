import Foundation
import TestSupport
import Testing

@testable import ReferenceModel

@Suite("Text survives the tokenizer")
struct TokenizerPropertyTests {
  @Test("every valid string is read back exactly", arguments: ["gpt2", "smollm", "llama-bpe"])
  func roundTrip(rule: String) throws {
    let tokenizer = try TokenizerFixtures.small(rule)
    #expect(tokenizer.missingBytes.isEmpty)
    for text in try TokenizerFixtures.cases().map(\.text) {
      for parseSpecial in [true, false] {
        let decoded = try tokenizer.decode(tokenizer.encode(text, parseSpecial: parseSpecial))
        #expect(Array(decoded.utf8) == Array(text.utf8), "\(text.debugDescription)")
      }
    }
  }

  @Test("a rule that composes text reads back the composed form") func composedRoundTrip() throws {
    let tokenizer = try TokenizerFixtures.small("qwen2")
    for text in try TokenizerFixtures.cases().map(\.text) {
      let decoded = try tokenizer.decode(tokenizer.encode(text, parseSpecial: false))
      let composed = text.precomposedStringWithCanonicalMapping
      #expect(Array(decoded.utf8) == Array(composed.utf8), "\(text.debugDescription)")
    }
  }

  @Test("long runs of combining marks compose as the Hugging Face library composes them")
  func marks() throws {
    struct Line: Decodable {
      var text: String
      var composed: String
    }
    for line in try TokenizerFixtures.lines("compositions.jsonl", as: Line.self) {
      let composed = Composition.compose(Array(line.text.utf8)[...])
      #expect(composed == Array(line.composed.utf8), "\(line.text.unicodeScalars.count) scalars")
    }
  }

  @Test("random bytes, valid or not, are read back exactly", arguments: ["gpt2", "llama-bpe"])
  func bytes(rule: String) throws {
    let tokenizer = try TokenizerFixtures.small(rule)
    var generator = SeededGenerator(state: 7)
    let alphabet: [UInt8] = [
      0x20, 0x0A, 0x61, 0x27, 0x73, 0x31, 0xC3, 0xA9, 0xE2, 0x82, 0xF0, 0x9F,
    ]
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
        Bool.random(using: &generator)
          ? UInt8.random(in: 0...255, using: &generator) : alphabet.randomElement(using: &generator)
      }.compactMap(\.self)
      var decoded: [UInt8] = []
      for token in tokenizer.encode(bytes: bytes) { decoded += try tokenizer.bytes(of: token) }
      #expect(decoded == bytes)
    }
  }

  @Test("a stream gives the text of decode, whatever the tokens", arguments: [true, false])
  func stream(skipSpecial: Bool) throws {
    let tokenizer = try TokenizerFixtures.small("smollm")
    var generator = SeededGenerator(state: 42)
    for _ in 0..<3000 {
      // Mostly single bytes of multi-byte characters, so that characters are cut at every byte.
      let tokens = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        Int.random(in: 0..<tokenizer.vocabularySize, using: &generator)
      }
      let bytes = (0..<12).map { _ in
        [UInt8](
          arrayLiteral: 0xF0, 0x9F, 0x98, 0x80, 0xE2, 0x82, 0xAC, 0xED, 0xA0, 0xF4, 0x90, 0x41)[
            Int.random(in: 0..<12, using: &generator)]
      }
      let sequence = tokens + bytes.flatMap { tokenizer.encode(bytes: [$0]) } + tokens.reversed()
      var stream = tokenizer.makeStream(skipSpecial: skipSpecial)
      var text: [UInt8] = []
      for token in sequence { text += Array(try stream.push(token).utf8) }
      text += Array(stream.finish().utf8)
      #expect(text == Array(try tokenizer.decode(sequence, skipSpecial: skipSpecial).utf8))
    }
  }

  @Test("a stream holds half a character back, and shows it when it is whole or hopeless")
  func streamPicture() throws {
    let tokenizer = try TokenizerFixtures.small("gpt2")
    func shown(_ bytes: [UInt8]) throws -> [String] {
      var stream = tokenizer.makeStream(skipSpecial: false)
      var shown: [String] = []
      for byte in bytes {
        shown.append(try stream.push(try #require(tokenizer.encode(bytes: [byte]).first)))
      }
      return shown + [stream.finish()]
    }
    #expect(try shown(Array("é€😀".utf8)) == ["", "é", "", "", "€", "", "", "", "😀", ""])
    #expect(try shown([0xE2, 0x82, 0x41]) == ["", "", "\u{FFFD}A", ""])
    #expect(try shown([0xFF, 0xF0, 0x9F]) == ["\u{FFFD}", "", "", "\u{FFFD}"])
  }

  @Test("special tokens are kept or skipped, and other text never is") func special() throws {
    let tokenizer = try TokenizerFixtures.small("smollm")
    let text = "<|im_start|>user\nhi<|im_end|>"
    let tokens = tokenizer.encode(text)
    #expect(try tokenizer.decode(tokens) == text)
    #expect(try tokenizer.decode(tokens, skipSpecial: true) == "user\nhi")
    let plain = tokenizer.encode(text, parseSpecial: false)
    #expect(try tokenizer.decode(plain, skipSpecial: true) == text)
    #expect(Set(plain).isDisjoint(with: tokenizer.specialTokens.map(\.id)))
  }

  @Test("tokens outside the vocabulary are refused", arguments: [-1, Int.min, Int.max, 1 << 31])
  func outside(token: Int) throws {
    let tokenizer = try TokenizerFixtures.small("gpt2")
    #expect(throws: ModelError.self) { try tokenizer.decode([0, token]) }
    #expect(throws: ModelError.self) { try tokenizer.bytes(of: tokenizer.vocabularySize) }
  }
}

@Suite("Joining pairs")
struct PairMergerTests {
  @Test("gives what the plain algorithm gives, on random bytes") func plainAlgorithm() throws {
    let metadata = try TokenizerFixtures.metadata()
    guard case .strings(let tokens)? = metadata["tokenizer.ggml.tokens"],
      case .strings(let lines)? = metadata["tokenizer.ggml.merges"]
    else { throw MetadataReader.Unexpected() }
    let vocabulary = try Vocabulary(
      tokens.enumerated().map { Vocabulary.Entry(id: $0.offset, text: $0.element, kind: .ordinary) }
    )
    var parts = TokenizerParts()
    parts.merges = try lines.map { try MergeLine.parse($0) }
    let table = try parts.mergeTable(vocabulary)
    var generator = SeededGenerator(state: 3)
    let letters = Array("etaonish   ".utf8)
    for _ in 0..<1500 {
      let piece = (0..<Int.random(in: 1...40, using: &generator)).compactMap { _ in
        letters.randomElement(using: &generator)
      }
      var joined: [Int] = []
      var merger = PairMerger()
      merger.encode(
        piece[...], vocabulary: vocabulary, merges: table, unknown: nil, into: &joined)
      #expect(joined == plainJoin(piece, vocabulary, table))
    }
  }

  /// Searches all pairs for the lowest rank, joins the leftmost such pair, and repeats.
  private func plainJoin(_ piece: [UInt8], _ vocabulary: Vocabulary, _ table: MergeTable) -> [Int] {
    var tokens = piece.map { vocabulary.idOfByte[Int($0)] }
    while true {
      let ranks = zip(tokens, tokens.dropFirst()).map { table.rank($0, $1) }
      guard let lowest = ranks.min(), lowest != MergeTable.never,
        let index = ranks.firstIndex(of: lowest)
      else { return tokens.map(Int.init) }
      tokens[index] = table.merged[Int(lowest)]
      tokens.remove(at: index + 1)
    }
  }

  @Test(
    "takes no longer than n log n: a megabyte of one character",
    arguments: ["a", " ", "\n", "1", "'", "é", "<", "<|", "\u{301}", "\u{323}\u{301}"])
  func longRuns(unit: String) throws {
    let bytes = 1 << 20
    for rule in TokenizerFixtures.rules {
      let tokenizer = try TokenizerFixtures.small(rule)
      let text = String(repeating: unit, count: bytes / unit.utf8.count)
      let (tokens, time) = measuringProcessorTime { tokenizer.encode(text) }
      // A quadratic scan of this many bytes would take minutes; the bound only detects such a scan.
      #expect(time < .seconds(20), "\(rule)")
      #expect(try tokenizer.decode(tokens).utf8.count == text.utf8.count, "\(rule)")
    }
  }
}
