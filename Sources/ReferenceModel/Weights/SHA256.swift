/// The Secure Hash Algorithm with 256 bits (FIPS 180-4).
package enum SHA256 {
  /// The digest as 64 hexadecimal digits. O(bytes).
  package static func hexadecimal(of bytes: [UInt8]) -> String {
    hash(bytes).map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private static func hash(_ bytes: [UInt8]) -> [UInt32] {
    // The message, a one bit, zeros, and the message's length in bits, in whole blocks of 64 bytes.
    var message = bytes + [0x80]
    message += Array(repeating: 0, count: (120 - message.count % 64) % 64)
    for shift in stride(from: 56, through: 0, by: -8) {
      message.append(UInt8(truncatingIfNeeded: (bytes.count * 8) >> shift))
    }
    var state = start
    for block in stride(from: 0, to: message.count, by: 64) {
      mix(message[block..<block + 64], into: &state)
    }
    return state
  }

  /// Mixes a block of 64 bytes into the eight words of the state.
  private static func mix(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
    var words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { index in
      block[index..<index + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    for index in 16..<64 {
      let (a, b) = (words[index - 15], words[index - 2])
      words.append(
        words[index - 16] &+ (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) &+ words[index - 7]
          &+ (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10))
    }
    // Variables a, b, c, d and e, f, g, h of the standard.
    var (low, high) = (
      SIMD4(state[0], state[1], state[2], state[3]), SIMD4(state[4], state[5], state[6], state[7])
    )
    for index in 0..<64 {
      let chosen = high.x & high.y ^ ~high.x & high.z
      let spread = rotate(high.x, 6) ^ rotate(high.x, 11) ^ rotate(high.x, 25)
      let first = high.w &+ spread &+ chosen &+ constants[index] &+ words[index]
      let majority = low.x & low.y ^ low.x & low.z ^ low.y & low.z
      let second = (rotate(low.x, 2) ^ rotate(low.x, 13) ^ rotate(low.x, 22)) &+ majority
      high = SIMD4(low.w &+ first, high.x, high.y, high.z)
      low = SIMD4(first &+ second, low.x, low.y, low.z)
    }
    for index in 0..<4 {
      state[index] &+= low[index]
      state[index + 4] &+= high[index]
    }
  }

  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word >> count | word << (32 - count)
  }

  /// The first 32 bits of the fractions of the square roots of the first eight primes.
  private static let start: [UInt32] = primes.prefix(8).map {
    fraction(Double($0).squareRoot())
  }

  /// The first 32 bits of the fractions of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = primes.map { prime in
    // Newton's method, to the last bit of a double.
    var root = Double(prime).squareRoot()
    for _ in 0..<40 { root -= (root * root * root - Double(prime)) / (3 * root * root) }
    return fraction(root)
  }

  private static let primes: [Int] = (2...311).filter { number in
    !(2..<number).contains { number % $0 == 0 }
  }

  private static func fraction(_ number: Double) -> UInt32 {
    UInt32((number - number.rounded(.down)) * 0x1p32)
  }
}
