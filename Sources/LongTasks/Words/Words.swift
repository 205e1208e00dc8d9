/// Words of a text, as the published metrics cut it.
enum Words {
  /// The maximal runs of letters, digits and underscores: the words of Python's `\w+`. O(n)
  static func runs(in text: String) -> [Substring] {
    var (runs, start) = ([Substring](), String.Index?.none)
    let scalars = text.unicodeScalars
    for index in scalars.indices {
      if isWord(scalars[index]) {
        start = start ?? index
      } else if let first = start {
        runs.append(text[first..<index])
        start = nil
      }
    }
    if let start { runs.append(text[start...]) }
    return runs
  }

  /// The runs of decimal digits: the numbers of Python's `\d+`. O(n)
  static func numbers(in text: String) -> [Substring] {
    text.unicodeScalars.split { $0.properties.generalCategory != .decimalNumber }
      .map { Substring($0) }
  }

  /// The parts between white space: the words of Python's `split()`. O(n)
  static func split(_ text: some StringProtocol) -> [String] {
    Substring(text).unicodeScalars.split { scalar in
      scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }.map { String($0) }
  }

  /// LongWriter's number of words: each Chinese character is one word, and so is each run of word
  /// characters that are all ASCII letters. O(n)
  static func count(in text: String) -> Int {
    text.unicodeScalars.count { (0x4E00...0x9FFF).contains($0.value) }
      + runs(in: text).count { $0.utf8.allSatisfy(isLetter) }
  }

  /// Whether a text has a word, as a whole word, in any case.
  static func has(_ word: String, in text: String) -> Bool {
    let word = word.lowercased()
    return runs(in: text).contains { $0.lowercased() == word }
  }

  /// Whether a byte is an ASCII letter.
  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber, .letterNumber, .otherNumber:
      true
    default: scalar == "_"
    }
  }
}

extension String {
  /// Whether the bytes of `other` occur in the text; an empty text occurs everywhere.
  ///
  /// Unlike `contains`, letters and their composed forms are different, as in Python.
  func hasBytes(_ other: String) -> Bool {
    let (text, wanted) = (Array(utf8), Array(other.utf8))
    guard let first = wanted.first else { return true }
    guard wanted.count <= text.count else { return false }
    return (0...text.count - wanted.count).contains { start in
      text[start] == first && text[start..<start + wanted.count].elementsEqual(wanted)
    }
  }
}
