import Foundation

/// Unicode's composed form (NFC) of text that may be broken UTF-8.
enum Composition {
  /// `bytes` composed. Bytes that are no UTF-8 stay as they are; nothing composes across them.
  static func compose(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    // No character below U+0300 (lead byte 0xCC) changes by itself or joins one before it.
    guard bytes.contains(where: { $0 >= 0xCC }) else { return Array(bytes) }
    let bytes = Array(bytes)
    var composed: [UInt8] = []
    var (validStart, index) = (0, 0)
    while index < bytes.count {
      let (scalar, length, _) = UTF8Text.character(in: bytes, at: index)
      if scalar == nil {
        composed += composeValid(bytes[validStart..<index])
        composed += bytes[index..<index + length]
        validStart = index + length
      }
      index += length
    }
    return composed + composeValid(bytes[validStart...])
  }

  private static func composeValid(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    Array(String(decoding: bytes, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
  }
}
