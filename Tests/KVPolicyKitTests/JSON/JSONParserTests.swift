import Foundation
import KVPolicyKit
import Testing

@Suite("JSON text")
struct JSONParserTests {
  @Test("that is legal is read, and written in one way")
  func legal() throws {
    for (text, written) in JSONTexts.legal {
      let value = try #require(try? JSONValue.parse(text), "\(text)")
      #expect(value.text == written, "\(text)")
      #expect(try JSONValue.parse(value.text) == value, "\(text)")
    }
  }

  @Test("that is illegal is refused with line, column and reason")
  func illegal() throws {
    for (text, line, column, words) in JSONTexts.illegal {
      let error = try #require(throws: JSONError.self) { try JSONValue.parse(text) }
      #expect(error.reason.contains(words), "\(text): \(error)")
      #expect((error.line, error.column) == (line, column), "\(text): \(error)")
      #expect("\(error)" == "line \(line), column \(column): \(error.reason)")
    }
  }

  @Test("that is not UTF-8 is refused at its first bad byte")
  func notUTF8() throws {
    for (bytes, column) in JSONTexts.notUTF8 {
      let error = try #require(throws: JSONError.self) { try JSONValue.parse(bytes) }
      #expect(error.column == column, "\(bytes): \(error)")
      #expect(TextPlace(ofInvalidUTF8In: bytes)?.column == column)
    }
  }

  @Test("may nest 64 lists and objects around a value, and no more, however long it is")
  func nesting() throws {
    func nested(_ open: String, _ close: String, _ depth: Int) -> String {
      String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
    }
    for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
      #expect(throws: Never.self) { try JSONValue.parse(nested(open, close, JSONValue.depthLimit)) }
      for depth in [JSONValue.depthLimit + 1, 1 << 18] {
        let error = try #require(throws: JSONError.self) {
          try JSONValue.parse(nested(open, close, depth))
        }
        #expect(error.reason.contains("nest deeper than 64"))
      }
    }
  }

  @Test("gives numbers their exact values")
  func numbers() throws {
    #expect(try JSONValue.parse("9007199254740993").wholeNumber == 9_007_199_254_740_993)
    #expect(try JSONValue.parse("\(Int.min)").wholeNumber == .min)
    #expect(try JSONValue.parse("-0").realNumber?.sign == .minus)
    #expect(try JSONValue.parse("1e-400").realNumber == 0)
    #expect(try JSONValue.parse("6.4e1").wholeNumber == 64)
    #expect(try JSONValue.parse("18446744073709551615").wholeNumber == nil)
    #expect(try JSONValue.parse("2.5").wholeNumber == nil)
    #expect(JSONValue.string("64").wholeNumber == nil && JSONValue.null.realNumber == nil)
    let digits = String(repeating: "1", count: 300)
    #expect(try JSONValue.parse("0." + digits + digits).realNumber == 1.0 / 9)
    #expect(try JSONValue.parse(digits).realNumber == Double(digits))
  }

  @Test("equal numbers are equal, and hash alike, however they are written")
  func equality() throws {
    let forms = try ["64", "64.0", "6.4e1", "640E-1"].map { try JSONValue.parse($0) }
    #expect(Set(forms).count == 1)
    #expect(JSONValue.integer(0) == .number(-0.0))
    #expect(JSONValue.integer(9_007_199_254_740_993) != .number(9_007_199_254_740_992))
    #expect(JSONValue.integer(.max) != .number(0x1p63))
    #expect(try JSONValue.parse(#"{"a":[1]}"#) == JSONValue.parse(#"{"a":[1.0]}"#))
  }
}

@Suite("JSON written by KVPolicyKit")
struct JSONWriterTests {
  private func foundation(_ value: JSONValue) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  @Test("has the bytes of Foundation's encoder")
  func sameBytes() throws {
    let scalars = (0...0x2FFF).compactMap(Unicode.Scalar.init).map { String(Character($0)) }
    let numbers = [
      0.1, 1e16, 1e15, 1e-7, 123_456.789, .leastNonzeroMagnitude, 1.7976931348623157e308, -2.5,
      1e22, 9.3e18, -0.0,
      0x1p53, 0x1p63, 3.0,
    ]
    let keys = ["b", "a", "A", "ab", "10", "9", "é", "z", "\u{10000}", "\u{FFFD}", "", "_", "a b"]
    let values: [JSONValue] = [
      .string(scalars.joined()), .array(numbers.map { .number($0) }), .integer(.min),
      .integer(.max), .object(Dictionary(uniqueKeysWithValues: keys.map { ($0, .null) })),
      ["a": [true, false, .null], "/": ["\u{1F600}": "\\/"]],
    ]
    for value in values { #expect(try value.text == foundation(value)) }
  }

  @Test("is JSON also for a number that JSON lacks") func notFinite() throws {
    #expect(JSONValue.array([.number(.nan), .number(.infinity)]).text == "[null,null]")
  }
}
