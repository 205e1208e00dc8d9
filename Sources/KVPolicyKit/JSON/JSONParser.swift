extension JSONValue {
  /// The deepest nesting: how many lists and objects may enclose a value.
  package static let depthLimit = 64

  /// Parses JSON text (RFC 8259), strictly. O(n)
  ///
  /// Refused are, among others, a key that an object has twice, a comma before the end of a list or
  /// an object, comments, a byte order mark, half a surrogate pair, numbers beyond the range of a
  /// double, and more than 64 levels of nesting.
  ///
  /// - Throws: the first mistake, with its line and column.
  public static func parse(_ text: String) throws(JSONError) -> JSONValue {
    try parse(Array(text.utf8))
  }

  /// Parses JSON text given as UTF-8, like ``parse(_:)-(String)``. O(n)
  ///
  /// - Throws: the first mistake, with its line and column; bytes that are not UTF-8 are mistakes.
  public static func parse(_ utf8: [UInt8]) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes: utf8)
    return try parser.document()
  }
}

/// Reads JSON (RFC 8259) from bytes. Recursion is bounded by `JSONValue.depthLimit`.
struct JSONParser {
  private let bytes: [UInt8]
  private var position = 0

  /// Starts at the first of `bytes`.
  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Parses one value that only white space may follow.
  mutating func document() throws(JSONError) -> JSONValue {
    guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
      throw problem("the text begins with a byte order mark; save it as UTF-8 without one")
    }
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else {
      throw problem("something follows the JSON value; a text is one value")
    }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth <= JSONValue.depthLimit else {
      throw problem("lists and objects nest deeper than \(JSONValue.depthLimit)")
    }
    skipSpace()
    guard let byte = peek() else {
      throw problem("the JSON text ends too soon; a value is missing")
    }
    switch byte {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw noValue(byte)
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> [String: JSONValue] {
    position += 1
    var members: [String: JSONValue] = [:]
    if take(UInt8(ascii: "}")) { return members }
    repeat {
      skipSpace()
      let start = position
      guard peek() == UInt8(ascii: "\"") else {
        throw problem(
          "an object needs a key in quotes here"
            + (members.isEmpty ? "" : "; no comma may follow its last value"))
      }
      let key = try string()
      guard take(UInt8(ascii: ":")) else { throw problem("the key '\(shown(key))' needs a colon") }
      let member = try value(depth: depth + 1)
      guard members.updateValue(member, forKey: key) == nil else {
        throw problem("the key '\(shown(key))' appears twice in its object; keep one", at: start)
      }
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else {
      throw problem("an object is not closed; ',' or '}' must follow a value")
    }
    return members
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    position += 1
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return elements }
    repeat {
      skipSpace()
      guard elements.isEmpty || peek() != UInt8(ascii: "]") else {
        throw problem("a list needs a value here; no comma may follow its last value")
      }
      elements.append(try value(depth: depth + 1))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else {
      throw problem("a list is not closed; ',' or ']' must follow a value")
    }
    return elements
  }

  private mutating func word(_ text: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
    guard bytes[position...].starts(with: text.utf8) else {
      throw problem("unknown word; legal are true, false and null")
    }
    position += text.utf8.count
    return value
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    let isNegative = accept(UInt8(ascii: "-"))
    let isZero = accept(UInt8(ascii: "0"))
    if !isZero {
      try digits()
    } else if let byte = peek(), isDigit(byte) {
      throw problem("no digit may follow a leading zero", at: start)
    }
    var isWhole = true
    if accept(UInt8(ascii: ".")) {
      isWhole = false
      try digits()
    }
    if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
      isWhole = false
      if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // An integer has no negative zero.
    if isWhole, !(isNegative && isZero), let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      throw problem(
        "the number \(text.prefix(40)) is too large; at most 1.8e308 is legal", at: start)
    }
    return .number(number)
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = peek(), isDigit(byte) { position += 1 }
    guard position > start else { throw problem("a number needs a digit here") }
  }
}

// MARK: - Text

extension JSONParser {
  private mutating func string() throws(JSONError) -> String {
    let start = position
    position += 1
    // What precedes the last escape, with its escapes resolved; empty without an escape.
    var resolved: [UInt8] = []
    var pieceStart = position
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\""):
        let piece = bytes[pieceStart..<position]
        let text =
          resolved.isEmpty
          ? String(validating: piece, as: UTF8.self)
          : String(validating: resolved + piece, as: UTF8.self)
        guard let text else {
          throw problem(
            "a text is not valid UTF-8; save the file as UTF-8",
            at: TextPlace.offsetOfInvalidUTF8(in: bytes[start..<position]))
        }
        position += 1
        return text
      case UInt8(ascii: "\\"):
        resolved += bytes[pieceStart..<position]
        resolved += try escape().utf8
        pieceStart = position
      case 0..<0x20:
        throw problem(#"a text contains a control character; write it as an escape, such as \n"#)
      default: position += 1
      }
    }
    throw problem("a text is not closed; a double quote must end it", at: start)
  }

  /// Parses an escape and returns its character.
  private mutating func escape() throws(JSONError) -> String {
    let start = position
    position += 1
    defer { position += 1 }
    switch peek() {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape(from: start)
    default:
      throw problem(
        #"unknown escape in a text; legal are \" \\ \/ \b \f \n \r \t and \uXXXX"#, at: start)
    }
  }

  /// Parses the rest of `\uXXXX`, or of two such escapes that form a surrogate pair, up to the last
  /// digit.
  private mutating func unicodeEscape(from start: Int) throws(JSONError) -> String {
    let first = try fourHexDigits()
    if let scalar = Unicode.Scalar(first) { return String(Character(scalar)) }
    let half = "half a surrogate pair in a text; \\uD83D\\uDE00 is a whole one"
    guard first < 0xDC00, bytes[(position + 1)...].starts(with: #"\u"#.utf8) else {
      throw problem(half, at: start)
    }
    position += 2
    let second = try fourHexDigits()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw problem(half, at: start) }
    return String(Character(scalar))
  }

  /// Parses four digits after the current byte, up to the last digit.
  private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      position += 1
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw problem("\\u needs four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// A key for messages: its beginning, with escapes for control characters.
  private func shown(_ key: String) -> Substring {
    JSONValue.string(String(key.prefix(60))).text.dropFirst().dropLast()
  }
}

// MARK: - Bytes

extension JSONParser {
  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private mutating func skipSpace() {
    while let byte = peek() {
      guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return }
      position += 1
    }
  }

  /// Consumes `byte` if it is next.
  private mutating func accept(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  /// Consumes white space, and then `byte` if it is next.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    return accept(byte)
  }

  /// The error for a byte that no value begins with.
  private func noValue(_ byte: UInt8) -> JSONError {
    let isPrintable = byte > 0x20 && byte < 0x7F
    let found = isPrintable ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    let isWord = byte == UInt8(ascii: "N") || byte == UInt8(ascii: "I")
    return problem(
      "a value cannot begin with \(found); legal are an object, a list, a text in double quotes, "
        + "a number, true, false and null" + (isWord ? "; NaN and Infinity are not JSON" : ""))
  }

  /// An error at `offset`, or at the current byte.
  private func problem(_ reason: String, at offset: Int? = nil) -> JSONError {
    let isComment = offset == nil && (peek() == UInt8(ascii: "/") || peek() == UInt8(ascii: "#"))
    return JSONError(
      reason + (isComment ? "; JSON has no comments" : ""),
      at: TextPlace(of: offset ?? position, in: bytes))
  }
}
