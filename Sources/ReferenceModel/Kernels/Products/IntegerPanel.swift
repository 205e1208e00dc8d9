import KVPolicyKit

/// Products of panels with inputs rounded to bytes: `d·unit·(Σ q·x + bias·Σ x) + m·unit·Σ x` per
/// block. The sums are integers, so they are exact in any order.
///
/// Up to four inputs share the unpacked integers of a block. `count`, a literal at each use, is the
/// number of inputs; products of missing inputs are not computed.
protocol IntegerPanel: PanelFormat {
  /// `Σ q·x` over one block of each row.
  ///
  /// - Parameters:
  ///   - p: the block's integers, fifth bits included.
  ///   - x: a block of each input.
  @unsafe static func sums(_ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int) -> IntegerSums
}

/// The current `RoundedBlock` of each of up to four inputs. The input's next blocks follow it in
/// memory.
@unsafe struct RoundedInputs {
  var (x0, x1, x2, x3): (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer)
  /// Always 0, but the optimiser does not know: see `NibbleMasks`.
  let zero: Int32

  /// The block `number` blocks after the current block, of every input.
  @inline(__always)
  func block(_ number: Int) -> RoundedInputs {
    let offset = RoundedBlock.stride &* number
    return unsafe RoundedInputs(
      x0: x0 + offset, x1: x1 + offset, x2: x2 + offset, x3: x3 + offset, zero: zero)
  }
}

/// `Σ q·x` of a panel's rows with up to four inputs.
struct IntegerSums {
  var r0 = (IntVector.zero, IntVector.zero)
  var r1 = (IntVector.zero, IntVector.zero)
  var r2 = (IntVector.zero, IntVector.zero)
  var r3 = (IntVector.zero, IntVector.zero)
}

/// `W·x` of a panel's rows with up to four inputs.
struct IntegerPanelProducts {
  private(set) var r0 = (FloatVector.zero, FloatVector.zero)
  private(set) var r1 = (FloatVector.zero, FloatVector.zero)
  private(set) var r2 = (FloatVector.zero, FloatVector.zero)
  private(set) var r3 = (FloatVector.zero, FloatVector.zero)

  /// Adds one block's part of the products.
  @unsafe @inline(__always)
  mutating func add<Format: IntegerPanel>(
    _: Format.Type, _ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int
  ) {
    let sums = unsafe Format.sums(p + Format.headBytes, x, count: count)
    unsafe Format.add(sums.r0, p, x.x0, to: &r0)
    if count > 1 { unsafe Format.add(sums.r1, p, x.x1, to: &r1) }
    if count > 2 { unsafe Format.add(sums.r2, p, x.x2, to: &r2) }
    if count > 3 { unsafe Format.add(sums.r3, p, x.x3, to: &r3) }
  }
}

extension IntegerPanel {
  /// `W·x` of a panel of `blocks` blocks with `count` inputs.
  @unsafe @inline(__always)
  static func multiply(
    _ panel: UnsafeRawPointer, blocks: Int, _ x: RoundedInputs, count: Int
  ) -> IntegerPanelProducts {
    var products = IntegerPanelProducts()
    for block in 0..<blocks {
      let p = unsafe panel + bytes &* block
      unsafe (p + ahead).ask(bytes: bytes)
      unsafe products.add(Self.self, p, x.block(block), count: count)
    }
    return products
  }

  /// Adds the part of the block at `p` to the product with one input.
  @unsafe @inline(__always)
  fileprivate static func add(
    _ sums: (IntVector, IntVector), _ p: UnsafeRawPointer, _ x: UnsafeRawPointer,
    to product: inout (FloatVector, FloatVector)
  ) {
    var sums = sums
    if bias != 0 {
      let all = unsafe IntVector(repeating: Int32(bias) &* RoundedBlock.sum(x))
      sums = (sums.0 &+ all, sums.1 &+ all)
    }
    if type.hasOffset {
      let m = unsafe scales(p + 2 &* PanelShape.rows)
      let total = unsafe FloatVector(repeating: RoundedBlock.total(x))
      product = (multiplyAdd(m.0, total, product.0), multiplyAdd(m.1, total, product.1))
    }
    let d = unsafe scales(p)
    let unit = unsafe FloatVector(repeating: RoundedBlock.unit(x))
    product = (
      multiplyAdd(floats(sums.0) * unit, d.0, product.0),
      multiplyAdd(floats(sums.1) * unit, d.1, product.1)
    )
  }
}

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

  /// Adds the products of two columns.
  @unsafe @inline(__always)
  private static func add(
    _ p: UnsafeRawPointer, _ x: UnsafeRawPointer, _ column: Int,
    to sums: inout (IntVector, IntVector)
  ) {
    let inputs = unsafe (x + (RoundedBlock.bytes &+ column)).loadUnaligned(as: SIMD2<Int8>.self)
    let two = unsafe ByteProducts.columns(p, inputs)
    sums = (sums.0 &+ two.0, sums.1 &+ two.1)
  }
}

extension Q4_0Panel: @unsafe IntegerPanel {}
extension Q4_1Panel: @unsafe IntegerPanel {}
extension Q5_0Panel: @unsafe IntegerPanel {}
extension Q5_1Panel: @unsafe IntegerPanel {}

extension IntegerPanel where Self: NibblePanel {
  /// Four neighbouring columns of a row are the lower nibbles of a word's bytes, and the four
  /// columns sixteen further on are the upper nibbles.
  @unsafe @inline(__always)
  static func sums(_ p: UnsafeRawPointer, _ x: RoundedInputs, count: Int) -> IntegerSums {
    var short = ShortSums()
    var sums = IntegerSums()
    // `none` is 0, but with several inputs the optimiser does not know and cannot unroll the loops.
    // Their sums just fit in the registers: unrolled code would fetch the inputs of all words
    // first, and spill them.
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
    let (half, all) = (4 &* vectorWidth, 4 &* PanelShape.rows)
    let nibbles = unsafe p + (hasFifthBit ? all : 0) + all &* word
    let a = unsafe integers(nibbles, fifthBits: p, word: word)
    let b = unsafe integers(nibbles + half, fifthBits: p + half, word: word)
    let place = RoundedBlock.bytes &+ 4 &* word
    unsafe ShortSums.add(a, b, x.x0 + place, to: &sums.r0)
    if count > 1 { unsafe ShortSums.add(a, b, x.x1 + place, to: &sums.r1) }
    if count > 2 { unsafe ShortSums.add(a, b, x.x2 + place, to: &sums.r2) }
    if count > 3 { unsafe ShortSums.add(a, b, x.x3 + place, to: &sums.r3) }
  }

  /// One word of each row of a register: four columns in the bytes of `lower`, and the four columns
  /// sixteen further on in the bytes of `upper`.
  @unsafe @inline(__always)
  private static func integers(
    _ p: UnsafeRawPointer, fifthBits: UnsafeRawPointer, word: Int
  ) -> WordIntegers {
    let nibbles = unsafe p.loadUnaligned(as: WordVector.self)
    let mask = WordVector(repeating: 0x0F0F_0F0F)
    let (lower, upper) = (nibbles & mask, (nibbles &>> 4) & mask)
    guard hasFifthBit else { return (lower, upper) }
    let bits = unsafe fifthBits.loadUnaligned(as: WordVector.self)
    let shift = UInt32(truncatingIfNeeded: 4 &* word)
    return (lower | spread(bits &>> shift), upper | spread(bits &>> (shift &+ 16)))
  }

  /// Moves bits 0…3 to the fifth bits of four bytes.
  @inline(__always)
  private static func spread(_ bits: WordVector) -> WordVector {
    // Multiplying by 1 + 2⁷ + 2¹⁴ + 2²¹ makes four copies of the four bits, each seven bits above
    // the previous copy: bit k of copy k is at 8k.
    ((bits & 0xF) &* 0x0020_4081 & 0x0101_0101) &<< 4
  }
}

private typealias WordIntegers = (lower: WordVector, upper: WordVector)

/// Sums of neighbouring products, for the matrix rows of a panel and up to four inputs.
///
/// No sum overflows before it is widened, even in 16 bits. Nibbles times bytes: sixteen products,
/// at most `16 · 15 · 127 = 30 480`. With a fifth bit: eight products, at most
/// `8 · 31 · 127 = 31 496`.
private struct ShortSums {
  typealias Row = (ByteProducts.Sums, ByteProducts.Sums)
  var r0: Row = (.zero, .zero)
  var r1: Row = (.zero, .zero)
  var r2: Row = (.zero, .zero)
  var r3: Row = (.zero, .zero)

  /// Adds a word's products with one input: its four bytes at `x` and its four bytes at `x + 16`.
  @unsafe @inline(__always)
  static func add(
    _ a: WordIntegers, _ b: WordIntegers, _ x: UnsafeRawPointer, to sums: inout Row
  ) {
    let lower = unsafe WordVector(repeating: x.loadUnaligned(as: UInt32.self))
    let upper = unsafe WordVector(repeating: (x + 16).loadUnaligned(as: UInt32.self))
    ByteProducts.add(a.lower, lower, to: &sums.0)
    ByteProducts.add(a.upper, upper, to: &sums.0)
    ByteProducts.add(b.lower, lower, to: &sums.1)
    ByteProducts.add(b.upper, upper, to: &sums.1)
  }

  /// Adds the sums to sums of 32 bits.
  @inline(__always)
  func add(to sums: inout IntegerSums, count: Int) {
    Self.add(r0, to: &sums.r0)
    if count > 1 { Self.add(r1, to: &sums.r1) }
    if count > 2 { Self.add(r2, to: &sums.r2) }
    if count > 3 { Self.add(r3, to: &sums.r3) }
  }

  @inline(__always)
  private static func add(_ short: Row, to sums: inout (IntVector, IntVector)) {
    sums.0 = sums.0 &+ ByteProducts.widened(short.0)
    sums.1 = sums.1 &+ ByteProducts.widened(short.1)
  }
}
