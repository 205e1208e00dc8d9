/// The few hundred words of the language, each one token.
///
/// A text is words written one after the other, each with the space after it: `"at "`, `"37 "`. The
/// end of a line is a token too. Encoding and decoding are exact inverses on such texts.
public enum TaskVocabulary {
  /// The number of tokens: 512.
  public static let count = TaskWords.all.count
  /// Every token as text: a word and its space, or the end of a line.
  public static let words = TaskWords.all.map { $0 == "\n" ? $0 : $0 + " " }
  /// The token that ends a response.
  public static let stop = token("stop")
  /// The largest number that is a token; the smallest is 1.
  public static let largestNumber = TaskWords.numbers.count

  static let tokens = Dictionary(
    uniqueKeysWithValues: TaskWords.all.enumerated().map { ($1, $0) })
  static let newline = token("\n")
  static let labels = tokens(of: TaskWords.labels)
  static let names = tokens(of: TaskWords.names)
  static let things = tokens(of: TaskWords.things)
  static let colors = tokens(of: TaskWords.colors)
  static let sounds = tokens(of: TaskWords.sounds)
  static let weather = tokens(of: TaskWords.weather)
  static let filler = tokens(of: TaskWords.filler)

  /// The tokens of a text.
  ///
  /// - Throws: `TaskError.unknownWord` or `unfinishedWord` for a text that `text(of:)` would not
  ///   write.
  public static func encode(_ text: String) throws(TaskError) -> [Int] {
    var encoded: [Int] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if index > 0 { encoded.append(newline) }
      var rest = line[...]
      while let space = rest.firstIndex(of: " ") {
        guard let token = tokens[String(rest[..<space])] else {
          throw .unknownWord(String(rest[..<space]), line: index + 1)
        }
        encoded.append(token)
        rest = rest[rest.index(after: space)...]
      }
      guard rest.isEmpty else { throw .unfinishedWord(String(rest), line: index + 1) }
    }
    return encoded
  }

  /// The text of tokens.
  ///
  /// - Throws: `TaskError.unknownToken` for a token outside the vocabulary.
  public static func text(of encoded: [Int]) throws(TaskError) -> String {
    var text = ""
    for token in encoded {
      guard words.indices.contains(token) else { throw .unknownToken(token) }
      text += words[token]
    }
    return text
  }

  /// The token of a number between 1 and `largestNumber`.
  static func number(_ number: Int) -> Int {
    precondition((1...largestNumber).contains(number), "numbers are 1...\(largestNumber)")
    return firstNumber + number - 1
  }

  /// The number that a token stands for, or nil.
  static func number(of token: Int) -> Int? {
    let number = token - firstNumber + 1
    return (1...largestNumber).contains(number) ? number : nil
  }

  /// The token of a word of the fixed list.
  static func token(_ word: String) -> Int {
    // Only literals of this module arrive here; other texts go through `encode`, which throws.
    guard let token = tokens[word] else { preconditionFailure("'\(word)' is no word") }
    return token
  }

  private static let firstNumber = token("1")

  private static func tokens(of words: [String]) -> [Int] { words.map { token($0) } }
}
