/// Panels that meet an input rounded to bytes: `d·unit·(Σ q·x + bias·Σ x) + m·unit·Σ x` per block, the sums in
/// integers, which are exact whatever their order.
protocol IntegerPanel: PanelFormat {
  /// `Σ q·x` over one block of each of the sixteen rows.
  ///
  /// - Parameters:
  ///   - p: the block's integers, fifth bits included.
  ///   - x: a `RoundedBlock`.
  @unsafe static func sums(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer
  ) -> (SIMD8<Int32>, SIMD8<Int32>)
}

extension IntegerPanel {
  /// `W·x` for the sixteen rows of each of two panels of `blocks` blocks.
  ///
  /// Two at once, because a core gets more out of memory if it reads in two places.
  @unsafe @inline(__always)
  static func multiply(
    _ panels: (UnsafeRawPointer, UnsafeRawPointer), blocks: Int, _ input: UnsafeRawPointer
  ) -> (first: (Float8, Float8), second: (Float8, Float8)) {
    var first = (Float8.zero, Float8.zero)
    var second = (Float8.zero, Float8.zero)
    var (p, q) = unsafe panels
    var x = unsafe input
    var block = 0
    while block < blocks {
      unsafe add(p, x, to: &first)
      unsafe add(q, x, to: &second)
      unsafe p += bytes
      unsafe q += bytes
      unsafe x += RoundedBlock.stride
      block &+= 1
    }
    return (first, second)
  }

  /// Adds a block's part of the product.
  @unsafe @inline(__always)
  private static func add(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer, to product: inout (Float8, Float8)
  ) {
    var sums = unsafe sums(p + headBytes, x)
    if bias != 0 {
      let all = unsafe SIMD8<Int32>(repeating: Int32(bias) &* RoundedBlock.sum(x))
      sums = (sums.0 &+ all, sums.1 &+ all)
    }
    if type.hasOffset {
      let m = unsafe scales(p + 2 &* PanelShape.rows)
      let total = unsafe Float8(repeating: RoundedBlock.total(x))
      product = (multiplyAdd(m.0, total, product.0), multiplyAdd(m.1, total, product.1))
    }
    let d = unsafe scales(p)
    let unit = unsafe Float8(repeating: RoundedBlock.unit(x))
    product = (
      multiplyAdd(floats(sums.0) * unit, d.0, product.0),
      multiplyAdd(floats(sums.1) * unit, d.1, product.1)
    )
  }
}

extension Q8_0Panel: @unsafe IntegerPanel {
  @unsafe @inline(__always)
  static func sums(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer
  ) -> (SIMD8<Int32>, SIMD8<Int32>) {
    var sums = (SIMD8<Int32>.zero, SIMD8<Int32>.zero)
    var column = 0
    while column < 32 {
      let inputs = unsafe (x + (RoundedBlock.halves &+ 2 &* column))
        .loadUnaligned(as: UInt32.self)
      let two = unsafe PairSums.columns(
        p + PanelShape.rows &* column, SIMD8(repeating: inputs))
      sums = (sums.0 &+ two.0, sums.1 &+ two.1)
      column &+= 2
    }
    return sums
  }
}

extension Q4_0Panel: @unsafe IntegerPanel {}
extension Q4_1Panel: @unsafe IntegerPanel {}
extension Q5_0Panel: @unsafe IntegerPanel {}
extension Q5_1Panel: @unsafe IntegerPanel {}

extension IntegerPanel where Self: NibblePanel {
  /// Half of a word's nibbles are four neighbouring columns of each row, and the other half four more.
  ///
  /// Two products fit in 16 bits with all that are added to them there: of a nibble and a byte, sixteen,
  /// 16 · 15 · 127 = 30 480; with a fifth bit half as many, 8 · 31 · 127 = 31 496.
  @unsafe @inline(__always)
  static func sums(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer
  ) -> (SIMD8<Int32>, SIMD8<Int32>) {
    let first = unsafe halfSums(p, x, word: 0)
    let second = unsafe halfSums(p, x, word: 2)
    if hasFifthBit {
      return (
        PairSums.widened(first.0) &+ PairSums.widened(second.0),
        PairSums.widened(first.1) &+ PairSums.widened(second.1)
      )
    }
    return (
      PairSums.widened(first.0 &+ second.0), PairSums.widened(first.1 &+ second.1)
    )
  }

  /// The sums over words `word` and `word + 1`, each in two parts.
  @unsafe @inline(__always)
  private static func halfSums(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer, word: Int
  ) -> (SIMD16<Int16>, SIMD16<Int16>) {
    let first = unsafe wordSums(p, x, word: word)
    let second = unsafe wordSums(p, x, word: word &+ 1)
    return (first.0 &+ second.0, first.1 &+ second.1)
  }

  @unsafe @inline(__always)
  private static func wordSums(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer, word: Int
  ) -> (SIMD16<Int16>, SIMD16<Int16>) {
    let nibbles = unsafe p + (hasFifthBit ? 64 : 0) + 64 &* word
    let inputs = unsafe x + (RoundedBlock.bytes &+ 4 &* word)
    let lower = unsafe SIMD8<UInt32>(repeating: inputs.loadUnaligned(as: UInt32.self))
    let upper = unsafe SIMD8<UInt32>(repeating: (inputs + 16).loadUnaligned(as: UInt32.self))
    let a = unsafe integers(nibbles, fifthBits: p, word: word)
    let b = unsafe integers(nibbles + 32, fifthBits: p + 32, word: word)
    return (
      PairSums.products(a.lower, lower) &+ PairSums.products(a.upper, upper),
      PairSums.products(b.lower, lower) &+ PairSums.products(b.upper, upper)
    )
  }

  /// A word of eight rows: four columns in the bytes of `lower`, the four that are sixteen on in `upper`.
  @unsafe @inline(__always)
  private static func integers(
    _ p: UnsafeRawPointer, fifthBits: UnsafeRawPointer, word: Int
  ) -> (lower: SIMD8<UInt32>, upper: SIMD8<UInt32>) {
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
