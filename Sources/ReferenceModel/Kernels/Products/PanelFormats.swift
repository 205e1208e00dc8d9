/// 32 signed bytes and a scale.
enum Q8_0Panel: PanelFormat {
  @inline(__always) static var type: TensorType { .q8_0 }
  @inline(__always) static var bias: Float { 0 }

  @unsafe @inline(__always)
  static func products(
    _ p: UnsafeRawPointer, _ x: UnsafePointer<Float>, masks: NibbleMasks
  ) -> (FloatVector, FloatVector) {
    var sums = PanelSums()
    var column = 0
    while column < 32 {
      let bytes = unsafe p + PanelShape.rows &* column
      let q = unsafe x + column
      let half = vectorWidth
      unsafe sums.addEven(signed(bytes), signed(bytes + half), q[0])
      unsafe sums.addOdd(signed(bytes + 2 &* half), signed(bytes + 3 &* half), q[1])
      unsafe sums.addEven(signed(bytes + 4 &* half), signed(bytes + 5 &* half), q[2])
      unsafe sums.addOdd(signed(bytes + 6 &* half), signed(bytes + 7 &* half), q[3])
      column &+= 4
    }
    return sums.total
  }

  @unsafe @inline(__always)
  static func forEachColumn(
    _ p: UnsafeRawPointer, masks: NibbleMasks,
    _ body: (Int, Int, FloatVector, FloatVector, Float) -> Void
  ) {
    for column in 0..<32 {
      let bytes = unsafe p + PanelShape.rows &* column
      unsafe body(column, column, floats(signed(bytes)), floats(signed(bytes + vectorWidth)), 1)
    }
  }

  /// A register of signed bytes as integers.
  @unsafe @inline(__always)
  private static func signed(_ p: UnsafeRawPointer) -> IntVector {
    unsafe integers(p.loadUnaligned(as: ByteVector.self))
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
  ) -> (FloatVector, FloatVector) {
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
    _ body: (Int, Int, FloatVector, FloatVector, Float) -> Void
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
    _ body: (Int, Int, FloatVector, FloatVector, Float) -> Void
  ) {
    body(
      8 &* word &+ k, NibbleOrder.column(word: word, nibble: k), floats(place(k, a, masks)),
      floats(place(k, b, masks)), NibbleOrder.factor(k))
  }

  /// Word `word` of rows 0–7 and 8–15, each with its fifth bits.
  @unsafe @inline(__always)
  private static func words(_ p: UnsafeRawPointer, _ word: Int) -> (FiveBitWords, FiveBitWords) {
    let (half, all) = (4 &* vectorWidth, 4 &* PanelShape.rows)
    let nibbles = unsafe p + (hasFifthBit ? all : 0) + all &* word
    let shift = WordVector(repeating: UInt32(truncatingIfNeeded: 4 &* word))
    let high = unsafe hasFifthBit ? (bits(p) &>> shift, bits(p + half) &>> shift) : (.zero, .zero)
    return unsafe (
      FiveBitWords(nibbles: bits(nibbles), high: high.0),
      FiveBitWords(nibbles: bits(nibbles + half), high: high.1)
    )
  }

  /// Nibble `k`, a literal at each use, and its fifth bit, multiplied by 16ᵏ. Nibble 7 is shifted
  /// down instead, because in place it would contain the sign.
  @inline(__always)
  private static func place(
    _ k: Int, _ words: FiveBitWords, _ masks: NibbleMasks
  ) -> IntVector {
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
    return nibble | signedBits(moved & WordVector(repeating: 1 &<< UInt32(truncatingIfNeeded: to)))
  }

  @unsafe @inline(__always)
  private static func bits(_ p: UnsafeRawPointer) -> WordVector {
    unsafe p.loadUnaligned(as: WordVector.self)
  }

  @inline(__always)
  private static func signedBits(_ words: WordVector) -> IntVector {
    // Both types have the same number of 32-bit elements.
    unsafe unsafeBitCast(words, to: IntVector.self)
  }
}

/// One word of nibbles of each row of a register, and the fifth bits of its columns.
struct FiveBitWords {
  var nibbles: WordVector
  var high: WordVector
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

/// `Σ q·x` for a panel's rows, with even and odd columns apart: four sums that do not wait for
/// each other.
struct PanelSums {
  private var even = (FloatVector.zero, FloatVector.zero)
  private var odd = (FloatVector.zero, FloatVector.zero)

  @inline(__always)
  mutating func addEven(_ a: IntVector, _ b: IntVector, _ x: Float) {
    let inputs = FloatVector(repeating: x)
    even.0 = multiplyAdd(floats(a), inputs, even.0)
    even.1 = multiplyAdd(floats(b), inputs, even.1)
  }

  @inline(__always)
  mutating func addOdd(_ a: IntVector, _ b: IntVector, _ x: Float) {
    let inputs = FloatVector(repeating: x)
    odd.0 = multiplyAdd(floats(a), inputs, odd.0)
    odd.1 = multiplyAdd(floats(b), inputs, odd.1)
  }

  @inline(__always) var total: (FloatVector, FloatVector) { (even.0 + odd.0, even.1 + odd.1) }
}
