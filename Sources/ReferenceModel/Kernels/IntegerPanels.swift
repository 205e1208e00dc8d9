extension Q8_0Panel: @unsafe IntegerPanel {
  @unsafe @inline(__always)
  static func sums(_ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int) -> IntegerSums {
    var sums = IntegerSums()
    var column = 0
    while column < 32 {
      let q = unsafe p + PanelShape.rows &* column
      unsafe add(q, x.x0, column, to: &sums.r0)
      if count > 1 { unsafe add(q, x.x1, column, to: &sums.r1) }
      if count > 2 { unsafe add(q, x.x2, column, to: &sums.r2) }
      if count > 3 { unsafe add(q, x.x3, column, to: &sums.r3) }
      column &+= 2
    }
    return sums
  }

  /// Adds two columns' products.
  @unsafe @inline(__always)
  private static func add(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer, _ column: Int,
    to sums: inout (SIMD8<Int32>, SIMD8<Int32>)
  ) {
    let inputs = unsafe (x + (RoundedBlock.bytes &+ column)).loadUnaligned(as: SIMD2<Int8>.self)
    let two = unsafe PairSums.columns(p, inputs)
    sums = (sums.0 &+ two.0, sums.1 &+ two.1)
  }
}

extension Q4_0Panel: @unsafe IntegerPanel {}
extension Q4_1Panel: @unsafe IntegerPanel {}
extension Q5_0Panel: @unsafe IntegerPanel {}
extension Q5_1Panel: @unsafe IntegerPanel {}

extension IntegerPanel where Self: NibblePanel {
  /// Half of a word's nibbles are four neighbouring columns of each row, and the other half four more.
  @unsafe @inline(__always)
  static func sums(_ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int) -> IntegerSums {
    var short = ShortSums()
    var sums = IntegerSums()
    // Several inputs' sums just fit in the registers, if a loop is left to be one: in a row, all words'
    // inputs are fetched first, and spilled.
    let none = unsafe count == 1 ? 0 : Int(x.zero)
    var word = 0
    while word < 2 &+ none {
      unsafe add(word: word, of: p, x, count: count, to: &short)
      word &+= 1
    }
    if hasFifthBit {
      short.add(to: &sums, count: count)
      short = ShortSums()
    }
    while word < 4 &+ none {
      unsafe add(word: word, of: p, x, count: count, to: &short)
      word &+= 1
    }
    short.add(to: &sums, count: count)
    return sums
  }

  @unsafe @inline(__always)
  private static func add(
    word: Int, of p: UnsafeRawPointer, _ x: RoundedInputs, count: Int, to sums: inout ShortSums
  ) {
    let nibbles = unsafe p + (hasFifthBit ? 64 : 0) + 64 &* word
    let a = unsafe integers(nibbles, fifthBits: p, word: word)
    let b = unsafe integers(nibbles + 32, fifthBits: p + 32, word: word)
    let place = RoundedBlock.bytes &+ 4 &* word
    unsafe ShortSums.add(a, b, x.x0 + place, to: &sums.r0)
    if count > 1 { unsafe ShortSums.add(a, b, x.x1 + place, to: &sums.r1) }
    if count > 2 { unsafe ShortSums.add(a, b, x.x2 + place, to: &sums.r2) }
    if count > 3 { unsafe ShortSums.add(a, b, x.x3 + place, to: &sums.r3) }
  }

  /// A word of eight rows: four columns in the bytes of `lower`, the four that are sixteen on in `upper`.
  @unsafe @inline(__always)
  private static func integers(
    _ p: UnsafeRawPointer, fifthBits: UnsafeRawPointer, word: Int
  ) -> WordIntegers {
    let nibbles = unsafe p.loadUnaligned(as: SIMD8<UInt32>.self)
    let mask = SIMD8<UInt32>(repeating: 0x0F0F_0F0F)
    let (lower, upper) = (nibbles & mask, (nibbles &>> 4) & mask)
    guard hasFifthBit else { return (lower, upper) }
    let bits = unsafe fifthBits.loadUnaligned(as: SIMD8<UInt32>.self)
    let shift = UInt32(truncatingIfNeeded: 4 &* word)
    return (lower | spread(bits &>> shift), upper | spread(bits &>> (shift &+ 16)))
  }

  /// Bits 0…3 as the fifth bits of four bytes.
  @inline(__always)
  private static func spread(_ bits: SIMD8<UInt32>) -> SIMD8<UInt32> {
    // Times 1 + 2⁷ + 2¹⁴ + 2²¹, four copies of the four bits next to each other: bit k of copy k is at 8k.
    ((bits & 0xF) &* 0x0020_4081 & 0x0101_0101) &<< 4
  }
}

private typealias WordIntegers = (lower: SIMD8<UInt32>, upper: SIMD8<UInt32>)

/// Sums of two products each, in 16 bits, for sixteen rows and up to four inputs.
///
/// They hold what is added to them before they are widened: of nibbles and bytes, sixteen products,
/// 16 · 15 · 127 = 30 480; with a fifth bit half as many, 8 · 31 · 127 = 31 496.
private struct ShortSums {
  typealias Row = (SIMD16<Int16>, SIMD16<Int16>)
  var r0: Row = (.zero, .zero)
  var r1: Row = (.zero, .zero)
  var r2: Row = (.zero, .zero)
  var r3: Row = (.zero, .zero)

  /// Adds a word's products with one input, whose four bytes are at `x` and four more sixteen on.
  @unsafe @inline(__always)
  static func add(
    _ a: WordIntegers, _ b: WordIntegers, _ x: UnsafeRawPointer, to sums: inout Row
  ) {
    let lower = unsafe SIMD8<UInt32>(repeating: x.loadUnaligned(as: UInt32.self))
    let upper = unsafe SIMD8<UInt32>(repeating: (x + 16).loadUnaligned(as: UInt32.self))
    sums.0 = sums.0 &+ PairSums.products(a.lower, lower) &+ PairSums.products(a.upper, upper)
    sums.1 = sums.1 &+ PairSums.products(b.lower, lower) &+ PairSums.products(b.upper, upper)
  }

  /// Adds them to wide ones.
  @inline(__always)
  func add(to sums: inout IntegerSums, count: Int) {
    Self.add(r0, to: &sums.r0)
    if count > 1 { Self.add(r1, to: &sums.r1) }
    if count > 2 { Self.add(r2, to: &sums.r2) }
    if count > 3 { Self.add(r3, to: &sums.r3) }
  }

  @inline(__always)
  private static func add(_ short: Row, to sums: inout (SIMD8<Int32>, SIMD8<Int32>)) {
    sums.0 = sums.0 &+ PairSums.widened(short.0)
    sums.1 = sums.1 &+ PairSums.widened(short.1)
  }
}
