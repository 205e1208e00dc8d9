/// 32 signed bytes and a scale.
enum Q8_0Panel: PanelFormat {
  @inline(__always) static var type: TensorType { .q8_0 }
  @inline(__always) static var bias: Float { 0 }

  @unsafe @inline(__always)
  static func products(
    _ p: UnsafeRawPointer, _ x: UnsafePointer<Float>, masks: NibbleMasks
  ) -> (Float8, Float8) {
    var sums = PanelSums()
    var column = 0
    while column < 32 {
      let bytes = unsafe p + PanelShape.rows &* column
      let q = unsafe x + column
      unsafe sums.addEven(signed(bytes), signed(bytes + 8), q[0])
      unsafe sums.addOdd(signed(bytes + 16), signed(bytes + 24), q[1])
      unsafe sums.addEven(signed(bytes + 32), signed(bytes + 40), q[2])
      unsafe sums.addOdd(signed(bytes + 48), signed(bytes + 56), q[3])
      column &+= 4
    }
    return sums.total
  }

  @unsafe @inline(__always)
  static func forEachColumn(
    _ p: UnsafeRawPointer, masks: NibbleMasks,
    _ body: (Int, Int, Float8, Float8, Float) -> Void
  ) {
    for column in 0..<32 {
      let bytes = unsafe p + PanelShape.rows &* column
      unsafe body(column, column, floats(signed(bytes)), floats(signed(bytes + 8)), 1)
    }
  }

  /// Eight signed bytes as integers.
  @unsafe @inline(__always)
  private static func signed(_ p: UnsafeRawPointer) -> SIMD8<Int32> {
    unsafe integers(p.loadUnaligned(as: SIMD8<Int8>.self))
  }
}

/// A type of nibbles.
///
/// One `and` leaves nibble k of a row's word where it is, multiplied by 16ᵏ, which a float holds
/// exactly. The inputs were divided by 16ᵏ beforehand (`PanelInput`).
protocol NibblePanel: PanelFormat {
  /// Whether the integers have a fifth bit. The 32 fifth bits of a row are in one word, in the
  /// order of the columns.
  static var hasFifthBit: Bool { get }
}

extension NibblePanel {
  @unsafe @inline(__always)
  static func products(
    _ p: UnsafeRawPointer, _ x: UnsafePointer<Float>, masks: NibbleMasks
  ) -> (Float8, Float8) {
    var sums = PanelSums()
    var word = 0
    while word < 4 {
      let (a, b) = unsafe words(p, word)
      let q = unsafe x + 8 &* word
      unsafe sums.addEven(place(0, a, masks), place(0, b, masks), q[0])
      unsafe sums.addOdd(place(1, a, masks), place(1, b, masks), q[1])
      unsafe sums.addEven(place(2, a, masks), place(2, b, masks), q[2])
      unsafe sums.addOdd(place(3, a, masks), place(3, b, masks), q[3])
      unsafe sums.addEven(place(4, a, masks), place(4, b, masks), q[4])
      unsafe sums.addOdd(place(5, a, masks), place(5, b, masks), q[5])
      unsafe sums.addEven(place(6, a, masks), place(6, b, masks), q[6])
      unsafe sums.addOdd(place(7, a, masks), place(7, b, masks), q[7])
      word &+= 1
    }
    return sums.total
  }

  @unsafe @inline(__always)
  static func forEachColumn(
    _ p: UnsafeRawPointer, masks: NibbleMasks,
    _ body: (Int, Int, Float8, Float8, Float) -> Void
  ) {
    for word in 0..<4 {
      let (a, b) = unsafe words(p, word)
      // Written out, because in a loop the masks would be looked up.
      nibble(0, of: word, a, b, masks, body)
      nibble(1, of: word, a, b, masks, body)
      nibble(2, of: word, a, b, masks, body)
      nibble(3, of: word, a, b, masks, body)
      nibble(4, of: word, a, b, masks, body)
      nibble(5, of: word, a, b, masks, body)
      nibble(6, of: word, a, b, masks, body)
      nibble(7, of: word, a, b, masks, body)
    }
  }

  /// Calls `body` with nibble `k`, a literal at each use, of rows 0–7 and 8–15.
  @inline(__always)
  private static func nibble(
    _ k: Int, of word: Int, _ a: FiveBitWords, _ b: FiveBitWords, _ masks: NibbleMasks,
    _ body: (Int, Int, Float8, Float8, Float) -> Void
  ) {
    body(
      8 &* word &+ k, NibbleOrder.column(word: word, nibble: k), floats(place(k, a, masks)),
      floats(place(k, b, masks)), NibbleOrder.factor(k))
  }

  /// Word `word` of rows 0–7 and 8–15, each with its fifth bits.
  @unsafe @inline(__always)
  private static func words(_ p: UnsafeRawPointer, _ word: Int) -> (FiveBitWords, FiveBitWords) {
    let nibbles = unsafe p + (hasFifthBit ? 64 : 0) + 64 &* word
    let shift = SIMD8<UInt32>(repeating: UInt32(truncatingIfNeeded: 4 &* word))
    let high = unsafe hasFifthBit ? (bits(p) &>> shift, bits(p + 32) &>> shift) : (.zero, .zero)
    return unsafe (
      FiveBitWords(nibbles: bits(nibbles), high: high.0),
      FiveBitWords(nibbles: bits(nibbles + 32), high: high.1)
    )
  }

  /// Nibble `k`, a literal at each use, and its fifth bit, multiplied by 16ᵏ. Nibble 7 is shifted
  /// down instead, because in place it would contain the sign.
  @inline(__always)
  private static func place(
    _ k: Int, _ words: FiveBitWords, _ masks: NibbleMasks
  ) -> SIMD8<Int32> {
    let nibble = k == 7 ? signedBits(words.nibbles &>> 28) : signedBits(words.nibbles) & masks[k]
    guard hasFifthBit else { return nibble }
    // Bits 0…3 of `high` belong to the lower nibbles of the word's four bytes, bits 16…19 to the
    // upper nibbles.
    let from = k / 2 &+ (k % 2 == 0 ? 0 : 16)
    let to = k == 7 ? 4 : 4 &* k &+ 4
    let moved =
      to > from
      ? words.high &<< UInt32(truncatingIfNeeded: to &- from)
      : words.high &>> UInt32(truncatingIfNeeded: from &- to)
    return nibble | signedBits(moved & SIMD8(repeating: 1 &<< UInt32(truncatingIfNeeded: to)))
  }

  @unsafe @inline(__always)
  private static func bits(_ p: UnsafeRawPointer) -> SIMD8<UInt32> {
    unsafe p.loadUnaligned(as: SIMD8<UInt32>.self)
  }

  @inline(__always)
  private static func signedBits(_ words: SIMD8<UInt32>) -> SIMD8<Int32> {
    // Both types are eight 32-bit elements.
    unsafe unsafeBitCast(words, to: SIMD8<Int32>.self)
  }
}

/// One word of nibbles of each of eight rows, and the fifth bits of its columns.
struct FiveBitWords {
  var nibbles: SIMD8<UInt32>
  var high: SIMD8<UInt32>
}

/// 32 nibbles and a scale.
enum Q4_0Panel: NibblePanel {
  @inline(__always) static var type: TensorType { .q4_0 }
  @inline(__always) static var bias: Float { -8 }
  @inline(__always) static var hasFifthBit: Bool { false }
}

/// 32 nibbles, a scale and an offset.
enum Q4_1Panel: NibblePanel {
  @inline(__always) static var type: TensorType { .q4_1 }
  @inline(__always) static var bias: Float { 0 }
  @inline(__always) static var hasFifthBit: Bool { false }
}

/// 32 five-bit integers and a scale.
enum Q5_0Panel: NibblePanel {
  @inline(__always) static var type: TensorType { .q5_0 }
  @inline(__always) static var bias: Float { -16 }
  @inline(__always) static var hasFifthBit: Bool { true }
}

/// 32 five-bit integers, a scale and an offset.
enum Q5_1Panel: NibblePanel {
  @inline(__always) static var type: TensorType { .q5_1 }
  @inline(__always) static var bias: Float { 0 }
  @inline(__always) static var hasFifthBit: Bool { true }
}

/// `Σ q·x` for sixteen matrix rows, with even and odd columns apart: four sums that do not wait for
/// each other.
struct PanelSums {
  private var even = (Float8.zero, Float8.zero)
  private var odd = (Float8.zero, Float8.zero)

  @inline(__always)
  mutating func addEven(_ a: SIMD8<Int32>, _ b: SIMD8<Int32>, _ x: Float) {
    let inputs = Float8(repeating: x)
    even.0 = multiplyAdd(floats(a), inputs, even.0)
    even.1 = multiplyAdd(floats(b), inputs, even.1)
  }

  @inline(__always)
  mutating func addOdd(_ a: SIMD8<Int32>, _ b: SIMD8<Int32>, _ x: Float) {
    let inputs = Float8(repeating: x)
    odd.0 = multiplyAdd(floats(a), inputs, odd.0)
    odd.1 = multiplyAdd(floats(b), inputs, odd.1)
  }

  @inline(__always) var total: (Float8, Float8) { (even.0 + odd.0, even.1 + odd.1) }
}
