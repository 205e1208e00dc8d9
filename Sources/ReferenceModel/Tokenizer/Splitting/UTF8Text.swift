/// Reads UTF-8 that may contain invalid bytes, one character at a time.
enum UTF8Text {
  /// The character that starts at `index`, which must be inside `bytes`.
  ///
  /// - Returns: the scalar and its length in bytes. For invalid bytes the scalar is nil, and the
  ///   length is that of the longest valid start of a character, at least 1 byte: the bytes that
  ///   `String(decoding:as:)` replaces by a single U+FFFD. `isCut` tells that `bytes` ends inside a
  ///   character that more bytes could complete.
  static func character(
    in bytes: [UInt8], at index: Int
  ) -> (scalar: Unicode.Scalar?, length: Int, isCut: Bool) {
    let lead = bytes[index]
    if lead < 0x80 { return (Unicode.Scalar(lead), 1, false) }
    guard let (count, second) = form(lead) else { return (nil, 1, false) }
    var value = UInt32(lead) & (0x7F >> UInt32(count))
    for offset in 1..<count {
      guard index + offset < bytes.count else { return (nil, offset, true) }
      let byte = bytes[index + offset]
      guard (offset == 1 ? second : 0x80...0xBF).contains(byte) else { return (nil, offset, false) }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    return (Unicode.Scalar(value), count, false)
  }

  /// The length of a character with first byte `lead`, and the legal second bytes; nil for an
  /// illegal first byte. Some first bytes narrow the range, which excludes overlong forms,
  /// surrogates and scalars past U+10FFFF.
  private static func form(_ lead: UInt8) -> (count: Int, second: ClosedRange<UInt8>)? {
    switch lead {
    case 0xC2...0xDF: (2, 0x80...0xBF)
    case 0xE0: (3, 0xA0...0xBF)
    case 0xED: (3, 0x80...0x9F)
    case 0xE1...0xEF: (3, 0x80...0xBF)
    case 0xF0: (4, 0x90...0xBF)
    case 0xF1...0xF3: (4, 0x80...0xBF)
    case 0xF4: (4, 0x80...0x8F)
    default: nil
    }
  }

  /// The number of bytes, 0 to 3, of an incomplete character at the end of `bytes`.
  static func cutBytes(atEndOf bytes: [UInt8]) -> Int {
    // A cut character has at most three bytes, and its first byte cannot be inside another
    // character.
    for length in stride(from: 1, through: min(3, bytes.count), by: 1) {
      let start = bytes.count - length
      guard bytes[start] & 0xC0 != 0x80 else { continue }
      return character(in: bytes, at: start).isCut ? length : 0
    }
    return 0
  }
}
