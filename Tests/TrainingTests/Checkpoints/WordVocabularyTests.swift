import Foundation
import KVPolicyKit
import ReferenceModel
import Testing
import Training

@Suite("A vocabulary of words")
struct WordVocabularyTests {
  @Test("words come first, then the bytes that are no words")
  func order() throws {
    let vocabulary = try WordVocabulary([".", "a ", "\n"])
    #expect(vocabulary.bytes.count == 255 && !vocabulary.bytes.contains(0x2E))
    #expect(vocabulary.count == 258)
    #expect(vocabulary.token("\n") == 2 && vocabulary.token("b") == nil)
  }

  @Test("words that end in their only space or line break are legal, also one that ends another")
  func legal() throws {
    #expect(try WordVocabulary(someWords).words == someWords)
    #expect(try WordVocabulary(["0", "1", "2", "a", "xay"]).count == 5 + 252)
    // Where two of them meet, `a|a` is read, not the word.
    #expect(try WordVocabulary(["aba"]).count == 1 + 256)
  }

  @Test(
    "lists that texts cannot be read back with are refused",
    arguments: [
      ([], "no words"), (["a ", ""], "is empty"), (["é "], "has characters"),
      (["a\u{0}"], "has characters"), (["a ", "a "], "given twice"),
      (["a", "b", "ab"], "ends with 'a' and the next begins with 'b'"),
      (["xa ", "b", "a b"], "ends with 'a ' and the next begins with 'b'"),
      (["1", "10", "0 "], "ends with '1' and the next begins with '0'"),
      (["ab", "cd", "ef", "bcde"], "ends with 'bcd' and the next begins with 'e'"),
      (["aa", "a"], "ends with 'a' and the next begins with 'a'"),
    ])
  func illegal(words: [String], reason: String) {
    let said = refusal { _ = try WordVocabulary(words) }
    #expect(said?.contains(reason) == true, "\(said ?? "accepted")")
  }

  @Test("words of a legal list are found from the left, and the longest first")
  func bothWays() {
    var random = SplitMix64(seed: 7)
    func text(_ count: ClosedRange<Int>, of parts: [String]) -> [String] {
      (0..<Int.random(in: count, using: &random)).map { _ in
        parts[Int.random(in: 0..<parts.count, using: &random)]
      }
    }
    var legal = 0
    for _ in 0..<3_000 {
      let words = (0..<4).map { _ in text(1...4, of: ["a", "b", " "]).joined() }
      guard (try? WordVocabulary(words)) != nil else { continue }
      legal += 1
      for _ in 0..<10 {
        let wanted = text(1...8, of: words)
        #expect(fromTheLeft(wanted.joined(), words) == wanted, "\(words)")
        #expect(longestFirst(wanted.joined(), words) == wanted, "\(words)")
      }
    }
    #expect(legal > 100)
  }

  @Test(
    "the same text has the same tokens in a folder and in a GGUF file",
    arguments: [someWords, shortWords])
  func tokenizers(words: [String]) throws {
    let vocabulary = try WordVocabulary(words)
    let checkpoint = try randomCheckpoint(vocabulary)
    try withFolder { folder in
      try checkpoint.write(folder: folder + "/model")
      let tokenizers = [
        try ModelFiles.open(folder + "/model").tokenizer(),
        try ModelFiles.open(gguf: checkpoint.gguf(), name: "memory").tokenizer(),
      ]
      for tokenizer in tokenizers {
        #expect(tokenizer.vocabularySize == vocabulary.count)
        #expect(tokenizer.missingBytes.isEmpty && !tokenizer.addsBOS)
        #expect(tokenizer.eosTokens == [vocabulary.token("\n")])
        for (_, text, tokens) in someTexts.filter({ $0.words == words }) {
          #expect(tokens == nil || tokenizer.encode(text) == tokens)
          #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
          #expect(tokenizer.encode(text) == tokenizers[0].encode(text))
        }
      }
      #expect(tokenizers[0].bosToken == vocabulary.token("<s>"))
    }
  }
}

/// The words of `text` where at each place the longest that fits is taken.
private func fromTheLeft(_ text: String, _ words: [String]) -> [String] {
  var (rest, found) = (text[...], [String]())
  while !rest.isEmpty {
    guard let word = words.filter({ rest.hasPrefix($0) }).max(by: { $0.count < $1.count }) else {
      return found
    }
    found.append(word)
    rest = rest.dropFirst(word.count)
  }
  return found
}

/// The words of `text` where all of the longest are cut out first, then the next.
private func longestFirst(_ text: String, _ words: [String]) -> [String] {
  let ordered = words.sorted { ($1.count, $0) < ($0.count, $1) }
  var parts: [(text: String, isWord: Bool)] = [(text, false)]
  for word in ordered {
    parts = parts.flatMap { part -> [(text: String, isWord: Bool)] in
      guard !part.isWord else { return [part] }
      let between = part.text.components(separatedBy: word).map { (text: $0, isWord: false) }
      return Array(between.map { [$0] }.joined(separator: [(text: word, isWord: true)]))
    }
  }
  return parts.filter { !$0.text.isEmpty }.map(\.text)
}
