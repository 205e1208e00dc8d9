/// Reads JSON (RFC 8259) from bytes. Recursion is bounded by `JSONNode.depthLimit`.
struct JSONParser {
  private let bytes: [UInt8]
  private let file: String
  private var position = 0

  /// Starts at the first of `bytes`; messages name `file` as the source.
  init(bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Parses one value that only white space may follow.
  mutating func document() throws(ModelError) -> JSONNode {
    let node = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw problem("something follows the JSON value") }
    return node
  }

  private mutating func value(depth: Int) throws(ModelError) -> JSONNode {
    guard depth <= JSONNode.depthLimit else {
      throw problem("lists and objects nest deeper than \(JSONNode.depthLimit)")
    }
    skipSpace()
    guard let byte = peek() else { throw problem("the JSON text ends too soon") }
    switch byte {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw problem("a JSON value cannot start like this (NaN and Infinity are not JSON)")
    }
  }

  private mutating func object(depth: Int) throws(ModelError) -> [String: JSONNode] {
    position += 1
    var members: [String: JSONNode] = [:]
    if take(UInt8(ascii: "}")) { return members }
    repeat {
      skipSpace()
      guard peek() == UInt8(ascii: "\"") else { throw problem("an object needs a key in quotes") }
      let key = try string()
      guard take(UInt8(ascii: ":")) else { throw problem("the key '\(key)' needs a colon") }
      let member = try value(depth: depth + 1)
      guard members.updateValue(member, forKey: key) == nil else {
        throw problem("the key '\(key)' appears twice")
      }
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw problem("an object is not closed") }
    return members
  }

  private mutating func array(depth: Int) throws(ModelError) -> [JSONNode] {
    position += 1
    var elements: [JSONNode] = []
    if take(UInt8(ascii: "]")) { return elements }
    repeat {
      elements.append(try value(depth: depth + 1))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw problem("a list is not closed") }
    return elements
  }

  private mutating func word(_ text: String, _ node: JSONNode) throws(ModelError) -> JSONNode {
    guard bytes[position...].starts(with: text.utf8) else { throw problem("unknown word") }
    position += text.utf8.count
    return node
  }

  private mutating func number() throws(ModelError) -> JSONNode {
    let start = position
    _ = accept(UInt8(ascii: "-"))
    if !accept(UInt8(ascii: "0")) { try digits() }
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
    if isWhole, let integer = Int64(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      throw problem("the number \(text.prefix(40)) is too large")
    }
    return .number(number)
  }

  private mutating func digits() throws(ModelError) {
    let start = position
    while let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    guard position > start else { throw problem("a number needs a digit here") }
  }
}

// MARK: - Text

extension JSONParser {
  private mutating func string() throws(ModelError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = peek() {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw problem("a text is not valid UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): text += Array(try escape().utf8)
      case 0..<0x20: throw problem("a text contains a control character")
      default: text.append(byte)
      }
    }
    throw problem("a text is not closed")
  }

  /// Parses the escape after a backslash and returns its character.
  private mutating func escape() throws(ModelError) -> String {
    guard let byte = peek() else { throw problem("a text is not closed") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw problem("unknown escape in a text")
    }
  }

  /// Parses the rest of `\uXXXX`, or of two such escapes that form a surrogate pair.
  private mutating func unicodeEscape() throws(ModelError) -> String {
    let first = try fourHexDigits()
    if let scalar = Unicode.Scalar(first) { return String(Character(scalar)) }
    guard first < 0xDC00, accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u")) else {
      throw problem("half a surrogate pair in a text")
    }
    let second = try fourHexDigits()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw problem("half a surrogate pair in a text") }
    return String(Character(scalar))
  }

  private mutating func fourHexDigits() throws(ModelError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw problem("\\u needs four hexadecimal digits")
      }
      position += 1
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}

// MARK: - Bytes

extension JSONParser {
  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

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

  private func problem(_ reason: String) -> ModelError {
    .malformed(file: file, reason: "\(reason) (byte \(position))")
  }
}
