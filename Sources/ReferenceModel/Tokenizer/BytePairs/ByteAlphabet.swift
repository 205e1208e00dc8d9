/// The alphabet that byte-level vocabularies are written in: one printable character per byte.
///
/// The printable bytes of Latin-1 stand for themselves. The other 68 bytes (controls, space, DEL to
/// U+00A0, soft hyphen) are written, in order, as U+0100, U+0101, …; so a space is `Ġ` and a
/// newline `Ċ`.
package enum ByteAlphabet {
  /// The character that stands for each byte. 256 entries.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        next += 1
        return next - 1
      }
    }
  }()

  /// The byte of each character, or nil. One entry for every scalar up to the last scalar in use.
  private static let byteOfScalar: [UInt8?] = {
    var table = [UInt8?](repeating: nil, count: Int(scalars.max() ?? 0) + 1)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = UInt8(byte) }
    return table
  }()

  /// The UTF-8 spelling of each byte. 256 entries of one or two bytes.
  private static let spellings: [[UInt8]] = scalars.map { scalar in
    scalar < 0x80 ? [UInt8(scalar)] : [0xC0 | UInt8(scalar >> 6), 0x80 | UInt8(scalar & 0x3F)]
  }

  /// The bytes that `text` spells, or nil if one of its characters stands for no byte.
  static func bytes(spelledBy text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard scalar.value < byteOfScalar.count, let byte = byteOfScalar[Int(scalar.value)] else {
        return nil
      }
      bytes.append(byte)
    }
    return bytes
  }

  /// The UTF-8 of the text that spells `bytes`.
  package static func spelling(of bytes: some Sequence<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    for byte in bytes { text += spellings[Int(byte)] }
    return text
  }
}
