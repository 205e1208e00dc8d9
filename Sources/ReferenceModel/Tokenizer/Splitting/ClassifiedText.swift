/// The bytes of a text, each with its character's class.
///
/// The rules that split text need only five classes, so Unicode's tables are read once per
/// character and the scanners read two byte arrays.
struct ClassifiedText {
  /// The text in UTF-8, which may contain invalid bytes.
  private(set) var bytes: [UInt8] = []
  /// The class of each byte's character; `continuation` is set on all bytes but a character's
  /// first.
  private(set) var classes: [UInt8] = []

  /// `\p{L}`
  static let letter: UInt8 = 0
  /// `\p{N}`
  static let number: UInt8 = 1
  /// Carriage return or line feed.
  static let newline: UInt8 = 2
  /// Any other white space, `\s`.
  static let space: UInt8 = 3
  /// Everything else, including bytes that are not UTF-8 (U+FFFD has this class too).
  static let other: UInt8 = 4
  /// Marks a byte that is not the first of its character.
  static let continuation: UInt8 = 0x80

  /// Classifies `bytes`.
  init(_ bytes: ArraySlice<UInt8>) {
    self.init(bytes: Array(bytes), classes: [])
    classes.reserveCapacity(bytes.count)
    var index = 0
    while index < self.bytes.count {
      let byte = self.bytes[index]
      if byte < 0x80 {
        classes.append(ClassifiedText.classOfASCII[Int(byte)])
        index += 1
        continue
      }
      let (scalar, length, _) = UTF8Text.character(in: self.bytes, at: index)
      let kind = scalar.map(ClassifiedText.characterClass) ?? ClassifiedText.other
      classes.append(kind)
      for _ in 1..<length { classes.append(kind | ClassifiedText.continuation) }
      index += length
    }
  }

  private init(bytes: [UInt8], classes: [UInt8]) {
    self.bytes = bytes
    self.classes = classes
  }

  /// The class of the character that contains byte `index`.
  func kind(at index: Int) -> UInt8 { classes[index] & ~ClassifiedText.continuation }

  /// Whether the character at `index` is white space of any kind.
  func isSpace(at index: Int) -> Bool {
    let kind = kind(at: index)
    return kind == ClassifiedText.space || kind == ClassifiedText.newline
  }

  /// The end of the character at `index`, at most `end`.
  func characterEnd(_ index: Int, _ end: Int) -> Int {
    var stop = index + 1
    while stop < end, classes[stop] & ClassifiedText.continuation != 0 { stop += 1 }
    return stop
  }

  /// The end of the stretch of characters of class `kind` that starts at `index`, at most `end`.
  func runEnd(of kind: UInt8, _ index: Int, _ end: Int) -> Int {
    var stop = index
    while stop < end, self.kind(at: stop) == kind { stop += 1 }
    return stop
  }

  /// Inserts a space before each piece in `ranges` that does not start with a space; returns the
  /// new text and the ranges of the pieces in it.
  func prefixingSpaces(_ ranges: [Range<Int>]) -> (ClassifiedText, [Range<Int>]) {
    var text = ClassifiedText(bytes: [], classes: [])
    var moved: [Range<Int>] = []
    for range in ranges {
      let start = text.bytes.count
      if bytes[range.lowerBound] != UInt8(ascii: " ") {
        text.bytes.append(UInt8(ascii: " "))
        text.classes.append(ClassifiedText.space)
      }
      text.bytes += bytes[range]
      text.classes += classes[range]
      moved.append(start..<text.bytes.count)
    }
    return (text, moved)
  }

  private static let classOfASCII: [UInt8] = (UInt8(0)..<128).map {
    characterClass(Unicode.Scalar($0))
  }

  private static func characterClass(_ scalar: Unicode.Scalar) -> UInt8 {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      letter
    case .decimalNumber, .letterNumber, .otherNumber: number
    default:
      if scalar == "\r" || scalar == "\n" {
        newline
      } else {
        scalar.properties.isWhitespace ? space : other
      }
    }
  }
}
