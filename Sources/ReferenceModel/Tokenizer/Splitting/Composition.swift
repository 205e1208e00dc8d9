import Foundation

/// Unicode's composed form (NFC) of text that may contain broken UTF-8.
enum Composition {
  /// Composes `bytes`. Bytes that are not UTF-8 stay unchanged, and no characters compose across
  /// them.
  static func compose(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    // No character below U+0300 (lead byte 0xCC) changes by itself or joins a character before it.
    guard bytes.contains(where: { $0 >= 0xCC }) else { return Array(bytes) }
    let bytes = Array(bytes)
    var composed: [UInt8] = []
    var (validStart, index) = (0, 0)
    while index < bytes.count {
      let (scalar, length, _) = UTF8Text.character(in: bytes, at: index)
      if scalar == nil {
        composed += compose(String(decoding: bytes[validStart..<index], as: UTF8.self)).utf8
        composed += bytes[index..<index + length]
        validStart = index + length
      }
      index += length
    }
    return composed + compose(String(decoding: bytes[validStart...], as: UTF8.self)).utf8
  }

  /// The most combining marks on one letter that Foundation composes for us. From 64 marks on
  /// Foundation loses some, and it takes quadratic time, minutes for a megabyte. Real text has five
  /// or six marks.
  private static let marksInReason = 30

  private static func compose(_ text: String) -> String {
    var composed = String.UnicodeScalarView()
    var plain = String.UnicodeScalarView()
    var marks: [Unicode.Scalar] = []
    func closeRun() {
      if marks.count <= marksInReason && !marks.contains(where: isDoubleMark) {
        plain.append(contentsOf: marks)
      } else {
        // More marks than `marksInReason` never all join their letter, nor does a double mark. The
        // remaining marks keep every later character from joining the letter, so the text after the
        // marks is composed separately.
        composed += longRun(marks, after: foundation(plain))
        plain = String.UnicodeScalarView()
      }
      marks.removeAll(keepingCapacity: true)
    }
    for scalar in text.unicodeScalars {
      if order(scalar) != 0 || isDoubleMark(scalar) {
        marks.append(scalar)
      } else {
        closeRun()
        plain.append(scalar)
      }
    }
    closeRun()
    return String(composed + foundation(plain))
  }

  /// The composed `text` with `marks` after its last letter. This is the standard's algorithm for
  /// one letter (UAX #15): decompose, sort the marks by class, join every mark that no earlier
  /// unjoined mark of the same or a higher class blocks.
  private static func longRun(
    _ marks: [Unicode.Scalar], after text: String.UnicodeScalarView
  ) -> String.UnicodeScalarView {
    var head = text
    let letter = head.popLast().map { decomposed($0) } ?? []
    let ownMarks = letter.reversed().prefix { order($0) != 0 }.reversed()
    head = foundation(head + letter.dropLast(ownMarks.count))
    guard var base = head.popLast() else {
      return String.UnicodeScalarView(sorted(marks.flatMap(decomposed)))
    }
    var rest: [Unicode.Scalar] = []
    for mark in sorted(ownMarks + marks.flatMap(decomposed)) {
      let isBlocked = rest.last.map { order($0) >= order(mark) } ?? false
      if !isBlocked, let whole = composite(base, mark) {
        base = whole
      } else {
        rest.append(mark)
      }
    }
    return head + [base] + rest
  }

  /// The single character that `base` and `mark` compose to; nil if there is none.
  private static func composite(
    _ base: Unicode.Scalar, _ mark: Unicode.Scalar
  ) -> Unicode.Scalar? {
    let pair = foundation(String.UnicodeScalarView([base, mark]))
    return pair.count == 1 ? pair.first : nil
  }

  /// Whether `scalar` is one of three Tibetan vowels that have combining class 0 but consist of two
  /// marks with nonzero classes. Foundation does not sort the two marks among the other marks.
  private static func isDoubleMark(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value == 0xF73 || scalar.value == 0xF75 || scalar.value == 0xF81
  }

  private static func order(_ scalar: Unicode.Scalar) -> UInt8 {
    // Nothing below U+0300 is a mark.
    scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }

  /// `marks` sorted by class; marks of one class keep their order.
  private static func sorted(_ marks: [Unicode.Scalar]) -> [Unicode.Scalar] {
    let keyed = marks.enumerated().map { (order: order($0.element), place: $0.offset, $0.element) }
    return keyed.sorted { ($0.order, $0.place) < ($1.order, $1.place) }.map(\.2)
  }

  private static func decomposed(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    Array(String(Character(scalar)).decomposedStringWithCanonicalMapping.unicodeScalars)
  }

  private static func foundation(_ text: String.UnicodeScalarView) -> String.UnicodeScalarView {
    String(text).precomposedStringWithCanonicalMapping.unicodeScalars
  }
}
