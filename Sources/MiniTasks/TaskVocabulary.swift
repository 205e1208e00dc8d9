/// The few hundred words of the language, each one token.
///
/// A text is words separated by single spaces, in lines; the end of a line is a token too. Encoding and
/// decoding are exact inverses on such texts.
public enum TaskVocabulary {
  /// Number of tokens: 512.
  public static let count = TaskWords.all.count
  /// The token after which a response is over.
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
  /// - Throws: `TaskError.unknownWord` for anything that `text(of:)` would not write, such as an unknown word
  ///   or a second space.
  public static func encode(_ text: String) throws(TaskError) -> [Int] {
    var encoded: [Int] = []
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if index > 0 { encoded.append(newline) }
      guard !line.isEmpty else { continue }
      for word in line.split(separator: " ", omittingEmptySubsequences: false) {
        guard let token = tokens[String(word)] else {
          throw .unknownWord(String(word), line: index + 1)
        }
        encoded.append(token)
      }
    }
    return encoded
  }

  /// The text that tokens stand for.
  ///
  /// - Throws: `TaskError.unknownToken` for a token outside the vocabulary.
  public static func text(of encoded: [Int]) throws(TaskError) -> String {
    var text = ""
    var startsLine = true
    for token in encoded {
      guard TaskWords.all.indices.contains(token) else { throw .unknownToken(token) }
      if !startsLine && token != newline { text += " " }
      text += TaskWords.all[token]
      startsLine = token == newline
    }
    return text
  }

  /// The token of a number between 1 and `largestNumber`.
  static func number(_ number: Int) -> Int {
    precondition((1...largestNumber).contains(number), "numbers are 1...\(largestNumber)")
    return firstNumber + number - 1
  }

  /// The number that a token writes, if it writes one.
  static func number(of token: Int) -> Int? {
    let number = token - firstNumber + 1
    return (1...largestNumber).contains(number) ? number : nil
  }

  /// The token of a word of the fixed list.
  static func token(_ word: String) -> Int {
    // Only literals of this module come here; text from outside goes through `encode`, which throws.
    guard let token = tokens[word] else { preconditionFailure("'\(word)' is no word") }
    return token
  }

  private static let firstNumber = token("1")

  private static func tokens(of words: [String]) -> [Int] { words.map { token($0) } }
}
