/// The tokens of a model that knows a fixed list of words: the words, in order, then single bytes.
///
/// A text is words written one after the other, each with the space or line break that belongs to
/// it: `"amber "`, `"7\n"`. Every byte is a token too, unless it is a word already, so that every
/// text can be encoded. A trained model does not write these bytes.
///
/// Programs find words in a text in two ways: from the left, always the longest word; or the
/// longest word first, anywhere in the text. Both find the words that were written if no word also
/// occurs across a border of words. So a list is legal if
///
/// - no word is empty or given twice;
/// - words consist of the ASCII characters from space to `~`, tab and line break, because other
///   characters stand for bytes in the alphabet of the files;
/// - no text of the words contains a word that lies across a border between words. With `a` and `b`
///   there is no `ab`, and with `xa ` and `b` no `a b`.
///
/// A list is legal if every word ends in its only space or line break.
public struct WordVocabulary: Sendable, Equatable {
  /// The words; word `i` is token `i`.
  public let words: [String]
  /// The bytes that are not words, ascending; their tokens follow the words.
  public let bytes: [UInt8]

  /// The number of tokens, which is the number of rows of the model's embedding.
  public var count: Int { words.count + bytes.count }

  /// Checks the list. Takes time in proportion to the number of words and to the squares of their
  /// lengths.
  public init(_ words: [String]) throws(CheckpointError) {
    guard !words.isEmpty else {
      throw CheckpointError.vocabulary(reason: "there are no words; give at least one")
    }
    var known: Set<ArraySlice<UInt8>> = []
    for (index, word) in words.enumerated() {
      guard !word.isEmpty, word.utf8.allSatisfy(WordVocabulary.isLegal) else {
        throw CheckpointError.vocabulary(
          reason:
            "word \(index), '\(word)', is empty or has characters other than those from space "
            + "to '~', tab and line break")
      }
      guard known.insert(Array(word.utf8)[...]).inserted else {
        throw CheckpointError.vocabulary(
          reason: "the word '\(word)' is given twice; once is enough")
      }
    }
    try WordVocabulary.checkBorders(words, known: known)
    self.words = words
    // A byte and a word of one visible character have the same spelling, so the word is the byte's
    // token.
    bytes = (UInt8.min...UInt8.max).filter { !(0x21...0x7E).contains($0) || !known.contains([$0]) }
  }

  private static func isLegal(_ byte: UInt8) -> Bool {
    (0x20...0x7E).contains(byte) || byte == 0x09 || byte == 0x0A
  }

  /// Throws for a word that also occurs across a border of words: the end of a word, then any
  /// number of words, then the beginning of a word.
  private static func checkBorders(
    _ words: [String], known: Set<ArraySlice<UInt8>>
  ) throws(CheckpointError) {
    var (beginnings, ends): (Set<ArraySlice<UInt8>>, Set<ArraySlice<UInt8>>) = ([], [])
    for word in known {
      for length in 1...word.count {
        beginnings.insert(word.prefix(length))
        ends.insert(word.suffix(length))
      }
    }
    for text in words {
      let word = Array(text.utf8)
      // The offsets in the word at which a border of a text can be.
      var borders: [Int] = []
      for place in 1..<max(1, word.count) {
        let isBorder =
          ends.contains(word[..<place]) || borders.contains { known.contains(word[$0..<place]) }
        guard isBorder else { continue }
        guard !beginnings.contains(word[place...]) else {
          let (left, right) = (text.prefix(place), text.dropFirst(place))
          throw CheckpointError.vocabulary(
            reason:
              "the word '\(text)' can also be read where one word ends with '\(left)' and the "
              + "next begins with '\(right)'; let every word end in its only space or line break")
        }
        borders.append(place)
      }
    }
  }
}

extension WordVocabulary {
  /// The token of `word`, or nil if it is not on the list. Takes time in proportion to the list.
  public func token(_ word: String) -> Int? { words.firstIndex(of: word) }
}
