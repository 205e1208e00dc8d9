/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong and what is legal, in words.
  public let reason: String
  /// The line of the mistake, from 1.
  public let line: Int
  /// The column of the mistake, from 1, counted in Unicode scalars.
  public let column: Int

  init(_ reason: String, at place: TextPlace) {
    self.reason = reason
    (line, column) = (place.line, place.column)
  }

  /// The message shown to a person.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

/// A place in a text, for messages.
package struct TextPlace {
  /// The line, from 1. Lines end with `\n`, `\r\n` or `\r`.
  package let line: Int
  /// The column, from 1, counted in Unicode scalars.
  package let column: Int

  /// The place of the byte at `offset`. O(offset)
  package init(of offset: Int, in bytes: [UInt8]) {
    var (line, column) = (1, 1)
    for index in 0..<offset {
      let byte = bytes[index]
      let endsInNext = byte == 0x0D && index + 1 < bytes.count && bytes[index + 1] == 0x0A
      if byte == 0x0A || byte == 0x0D, !endsInNext {
        (line, column) = (line + 1, 1)
      } else if byte & 0xC0 != 0x80, !endsInNext {
        // The later bytes of a scalar begin with the bits 10.
        column += 1
      }
    }
    (self.line, self.column) = (line, column)
  }

  /// The place of the first byte that is not valid UTF-8; nil if every byte is. O(n)
  package init?(ofInvalidUTF8In bytes: [UInt8]) {
    guard let offset = TextPlace.offsetOfInvalidUTF8(in: bytes[...]) else { return nil }
    self.init(of: offset, in: bytes)
  }

  /// The index of the first byte that is not valid UTF-8; nil if every byte is. O(n)
  static func offsetOfInvalidUTF8(in bytes: ArraySlice<UInt8>) -> Int? {
    var (parser, iterator, offset) = (UTF8.ForwardParser(), bytes.makeIterator(), bytes.startIndex)
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .valid(let scalar): offset += scalar.count
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }
}
