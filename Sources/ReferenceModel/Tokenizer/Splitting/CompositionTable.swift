import Foundation

/// The canonical decompositions and compositions of single characters (UAX #15).
///
/// The tables are read from Foundation when composed text is first needed, in a few milliseconds.
/// Hangul syllables follow a formula and are not in the tables.
struct CompositionTable {
  private static let shared = CompositionTable()

  /// The decomposition of each character that has one.
  private var decompositions: [Unicode.Scalar: [Unicode.Scalar]] = [:]
  /// The character that two characters compose to, by `first << 32 | second`.
  private var composites: [UInt64: Unicode.Scalar] = [:]
  /// Bit `scalar & 63` of word `scalar >> 6`: whether the character is unstable.
  private var unstable = [UInt64](repeating: 0, count: Int(limit >> 6))

  /// No character from here on decomposes or has a combining class other than 0.
  private static let limit: UInt32 = 0x30000
  /// The characters that may decompose, by their number divided by 256.
  private static let pages: [ClosedRange<UInt32>] = [
    0x00...0x30, 0xF9...0xFB, 0x105...0x105, 0x110...0x119, 0x161...0x161, 0x16D...0x16D,
    0x1D1...0x1D1, 0x2F8...0x2FA,
  ]

  private init() {
    for value in 0x300..<CompositionTable.limit {
      guard let scalar = Unicode.Scalar(value) else { continue }
      if scalar.properties.canonicalCombiningClass != .notReordered { markUnstable(scalar) }
    }
    for value in CompositionTable.pages.joined().lazy.flatMap({ $0 << 8..<($0 + 1) << 8 }) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = String(Character(scalar))
      let parts = Array(text.decomposedStringWithCanonicalMapping.unicodeScalars)
      guard parts != [scalar] else { continue }
      decompositions[scalar] = parts
      if CompositionTable.composed(parts) == scalar {
        addComposite(scalar, of: parts)
      } else {
        markUnstable(scalar)
      }
    }
    for value in Hangul.vowels { Unicode.Scalar(value).map { markUnstable($0) } }
    for value in Hangul.tails { Unicode.Scalar(value).map { markUnstable($0) } }
  }

  /// The last of the `parts` joins what the parts before it compose to.
  private mutating func addComposite(_ whole: Unicode.Scalar, of parts: [Unicode.Scalar]) {
    guard let last = parts.last, let first = CompositionTable.composed(Array(parts.dropLast()))
    else { return }
    composites[CompositionTable.pair(first, last)] = whole
    markUnstable(last)
  }

  private mutating func markUnstable(_ scalar: Unicode.Scalar) {
    unstable[Int(scalar.value >> 6)] |= 1 << UInt64(scalar.value & 63)
  }

  /// The single character that `scalars` compose to according to Foundation; nil if there is none.
  private static func composed(_ scalars: [Unicode.Scalar]) -> Unicode.Scalar? {
    let text = String(String.UnicodeScalarView(scalars)).precomposedStringWithCanonicalMapping
    return text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
  }

  private static func pair(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt64 {
    UInt64(first.value) << 32 | UInt64(second.value)
  }
}

// MARK: - Look-ups

extension CompositionTable {
  /// Whether no character before `scalar` changes with it, and it does not change by itself.
  static func isStable(_ scalar: Unicode.Scalar) -> Bool {
    guard scalar.value >= 0x300, scalar.value < limit else { return true }
    return shared.unstable[Int(scalar.value >> 6)] >> UInt64(scalar.value & 63) & 1 == 0
  }

  /// The characters that `scalar` stands for: itself if it does not decompose.
  static func decomposition(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    Hangul.decomposition(of: scalar) ?? shared.decompositions[scalar] ?? [scalar]
  }

  /// The single character that `first` and `second` compose to; nil if there is none.
  static func composite(
    _ first: Unicode.Scalar, _ second: Unicode.Scalar
  ) -> Unicode.Scalar? {
    Hangul.composite(first, second) ?? shared.composites[pair(first, second)]
  }
}

/// The formula that joins a leading consonant, a vowel and an optional trailing consonant to a
/// Hangul syllable.
private enum Hangul {
  static let leads: Range<UInt32> = 0x1100..<0x1113
  static let vowels: Range<UInt32> = 0x1161..<0x1176
  static let tails: Range<UInt32> = 0x11A8..<0x11C3
  static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
  /// The syllables of one lead and vowel: without a tail, or with one of the tails.
  static let forms = UInt32(tails.count + 1)
  static let vowelCount = UInt32(vowels.count)

  static func decomposition(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
    guard syllables.contains(scalar.value) else { return nil }
    let index = scalar.value - syllables.lowerBound
    let tail = index % forms
    let parts = [
      leads.lowerBound + index / (forms * vowelCount),
      vowels.lowerBound + index / forms % vowelCount,
      tails.lowerBound + tail - 1,
    ]
    return parts.prefix(tail == 0 ? 2 : 3).compactMap { Unicode.Scalar($0) }
  }

  static func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    let (first, second) = (first.value, second.value)
    if leads.contains(first), vowels.contains(second) {
      let index = (first - leads.lowerBound) * vowelCount + second - vowels.lowerBound
      return Unicode.Scalar(syllables.lowerBound + index * forms)
    }
    if syllables.contains(first), (first - syllables.lowerBound) % forms == 0,
      tails.contains(second)
    {
      return Unicode.Scalar(first + second - tails.lowerBound + 1)
    }
    return nil
  }
}
