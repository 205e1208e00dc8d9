/// Tokenizers for tests.
enum Tokens {
  /// Words and marks, as in most vocabularies.
  static func words(_ text: String) -> Int {
    var (count, isInside) = (0, false)
    for byte in text.utf8 {
      let isLetter = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
      if isLetter ? !isInside : byte > 0x20 { count += 1 }
      isInside = isLetter
    }
    return count
  }

  /// A token a byte.
  static func bytes(_ text: String) -> Int { text.utf8.count }

  /// A quarter of the bytes, which is quick to count.
  static func quarters(_ text: String) -> Int { (text.utf8.count + 3) / 4 }
}
