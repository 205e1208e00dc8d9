import Foundation
import TestSupport
import Testing

@testable import ReferenceModel

@Suite("Composed text")
struct CompositionTests {
  private func composed(_ text: String) -> [UInt8] { Composition.compose(Array(text.utf8)[...]) }

  @Test("every character composes as Foundation composes it") func characters() {
    let wrong = [0x0..<0x32000, 0xE0000..<0xE0200].joined().filter { (value: Int) in
      guard let scalar = Unicode.Scalar(UInt32(value)) else { return false }
      let text = String(Character(scalar))
      return composed(text) != Array(text.precomposedStringWithCanonicalMapping.utf8)
    }
    #expect(wrong.isEmpty)
  }

  @Test("every character is restored from its decomposition, if it can be") func decomposed() {
    let wrong = [0xC0..<0x3100, 0xAC00..<0xD7A4].joined().filter { (value: Int) in
      guard let scalar = Unicode.Scalar(UInt32(value)) else { return false }
      let text = String(Character(scalar))
      return composed(text.decomposedStringWithCanonicalMapping)
        != Array(text.precomposedStringWithCanonicalMapping.utf8)
    }
    #expect(wrong.isEmpty)
  }

  @Test("a tail joins a Hangul syllable without a tail, which Foundation forgets") func hangul() {
    #expect(composed("\u{AC00}\u{11A8}") == Array("\u{AC01}".utf8))
    #expect(composed("\u{AC01}\u{11A8}") == Array("\u{AC01}\u{11A8}".utf8))
    #expect(composed("\u{1100}\u{1161}\u{11A8}\u{11A8}") == Array("\u{AC01}\u{11A8}".utf8))
  }

  @Test("random texts compose as Foundation composes them") func random() {
    let letters =
      "aeiouAs\u{E9}\u{212B}\u{1100}\u{1161}\u{11A8}\u{AC01}\u{915}\u{93C}\u{958}\u{9C7}\u{9BE}"
      + "\u{1025}\u{102E}\u{3B1}\u{345}\u{1F02}\u{438}\u{627}\u{653}\u{110A5}\u{110BA}\u{2ADC}x "
    let marks =
      "\u{300}\u{301}\u{302}\u{304}\u{306}\u{307}\u{308}\u{30A}\u{31B}\u{323}\u{327}\u{328}\u{338}"
      + "\u{340}\u{344}\u{5B0}\u{3099}\u{1D165}\u{1D16E}"
    let (letterList, markList) = (Array(letters.unicodeScalars), Array(marks.unicodeScalars))
    var generator = SeededGenerator(state: 11)
    for _ in 0..<20_000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 1...9, using: &generator) {
        let list = Bool.random(using: &generator) ? letterList : markList
        if let scalar = list.randomElement(using: &generator) { text.append(scalar) }
      }
      let expected = Array(String(text).precomposedStringWithCanonicalMapping.utf8)
      #expect(composed(String(text)) == expected, "\(text.map { String($0.value, radix: 16) })")
    }
  }

  @Test("nothing composes across bytes that are not UTF-8") func broken() {
    let text: [UInt8] = [0x65, 0xFF, 0xCC, 0x81, 0x65, 0xCC, 0x81, 0xCC]
    #expect(Composition.compose(text[...]) == [0x65, 0xFF, 0xCC, 0x81, 0xC3, 0xA9, 0xCC])
    #expect(Composition.compose(text[2..<6]) == [0xCC, 0x81, 0x65, 0xCC])
  }

  @Test(
    "takes linear time: four megabytes of one text",
    arguments: [
      "\u{4E2D}\u{6587}", "\u{438}\u{306}", "\u{439}", "\u{D55C}", "\u{1112}\u{1161}\u{11AB}",
      "a\u{323}\u{302}", "\u{323}\u{301}", "\u{345}\u{334}\u{59A}\u{F71}", "\u{F73}", "\u{958}",
      "\u{9C7}\u{9BE}", "\u{FFFD}\u{301}",
    ])
  func linear(unit: String) {
    let text = String(repeating: unit, count: (4 << 20) / unit.utf8.count)
    let (bytes, time) = measuringProcessorTime { composed(text) }
    // Replacing in place, as Foundation does, takes minutes for this many bytes.
    #expect(time < .seconds(15))
    #expect(composed(String(decoding: bytes, as: UTF8.self)) == bytes)
  }
}

@Suite("The search for added tokens")
struct AddedTokenSearchTests {
  private func pattern(_ id: Int, _ text: some Sequence<UInt8>) -> AddedTokens.Pattern {
    AddedTokens.Pattern(id: id, text: Array(text), isSpecial: false)
  }

  /// Tries all patterns at every index, from the left.
  private func plainParts(_ bytes: [UInt8], _ patterns: [AddedTokens.Pattern]) -> [AddedTokens.Part]
  {
    var parts: [AddedTokens.Part] = []
    var (textStart, index) = (0, 0)
    while index < bytes.count {
      let here = patterns.filter { bytes[index...].starts(with: $0.text) }
      let longest = here.map(\.text.count).max()
      guard let found = here.first(where: { $0.text.count == longest }) else {
        index += 1
        continue
      }
      if textStart < index { parts.append(.text(textStart..<index)) }
      parts.append(.token(found.id))
      index += found.text.count
      textStart = index
    }
    if textStart < bytes.count { parts.append(.text(textStart..<bytes.count)) }
    return parts
  }

  @Test("finds what a plain search finds") func plain() {
    var generator = SeededGenerator(state: 5)
    func word(_ length: ClosedRange<Int>) -> [UInt8] {
      (0..<Int.random(in: length, using: &generator)).map { _ in
        UInt8.random(in: 0x61...0x62, using: &generator)
      }
    }
    for _ in 0..<2_000 {
      let patterns = (0..<Int.random(in: 1...6, using: &generator)).map { pattern($0, word(1...5)) }
      let bytes = word(0...24)
      let parts = AddedTokens(patterns).parts(of: bytes, in: 0..<bytes.count, parseSpecial: true)
      #expect(parts == plainParts(bytes, patterns))
    }
  }

  @Test("takes linear time, however long a token is") func linear() {
    let count = 1 << 20
    let tokens = AddedTokens([
      pattern(0, String(repeating: "a", count: 1 << 14).utf8 + [0x62]),
      pattern(1, [0x62] + String(repeating: "a", count: 1 << 14).utf8),
    ])
    let bytes = [UInt8](repeating: 0x61, count: count)
    let (parts, time) = measuringProcessorTime {
      tokens.parts(of: bytes, in: 0..<count, parseSpecial: true)
    }
    // Trying each token at each index takes minutes for this many bytes.
    #expect(time < .seconds(15))
    #expect(parts == [.text(0..<count)])
  }
}
