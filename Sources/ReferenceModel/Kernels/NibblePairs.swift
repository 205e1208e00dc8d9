/// A quantised type whose integers are nibbles, multiplied two blocks at a time.
///
/// The 16 bytes of a block are four 32-bit words, those of two blocks fill a register, and nibble k of
/// all eight words is one `and` away:
///
///     word       block b: 0 1 2 3 | block b + 1: 0 1 2 3
///     and 0xF    element  0 4 8 12| element      0 4 8 12      k = 0
///     and 0xF0           16 20 …  |             16 20 …        k = 1
///     and 0xF00           1 5 …   |              1 5 …         k = 2
///
/// Nibble k is left where it is, that is, times 16ᵏ, which a float holds exactly; the inputs were
/// brought into this order, and divided by 16ᵏ, once for all rows (`PairedInput`). So 64 weights cost
/// eight of each: `and`, conversion, multiply-add; no bytes are widened.
protocol NibbleFormat: QuantizedFormat {
  /// Bytes of a block before its nibbles.
  static var nibbleOffset: Int { get }
}

extension NibbleFormat {
  /// `y[r] = W[r]·x` for some rows; the columns of `w` are a multiple of 32.
  @unsafe @inline(__always)
  static func multiply(
    _ w: WeightMatrix, _ rows: Range<Int>, _ input: VectorInput,
    into y: UnsafeMutablePointer<Float>
  ) {
    let blocks = w.columns / 32
    let masks = unsafe NibblePairMasks(zero: input.zero)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let p = unsafe w.base + row &* (blocks &* bytes)
      var total = Float8.zero
      var offsets = SIMD4<Float>.zero
      var block = 0
      while block &+ 2 <= blocks {
        unsafe accumulate(
          pair: p + block &* bytes, input.paired + block &* 32, masks: masks, to: &total)
        let sums = unsafe UnsafeRawPointer(input.sums + 2 &* block)
          .loadUnaligned(as: SIMD4<Float>.self)
        let (first, second) = unsafe (
          scales(p + block &* bytes), scales(p + (block &+ 1) &* bytes)
        )
        offsets = multiplyAdd(SIMD4(first.x, first.y, second.x, second.y), sums, offsets)
        block &+= 2
      }
      var sums = QuantizedSums()
      sums.lower = total
      sums.offsets = offsets.lowHalf + offsets.highHalf
      unsafe y[row] = product(sums)
      if block < blocks {
        unsafe y[row] += single(p + block &* bytes, input, block: block)
      }
      row &+= 1
    }
  }

  /// A block without a partner · x.
  @unsafe @inline(never)
  private static func single(_ p: UnsafeRawPointer, _ input: VectorInput, block: Int) -> Float {
    var sums = QuantizedSums()
    unsafe accumulate(
      p, input.x + block &* 32, input.sums[2 &* block], masks: NibbleMasks(blocks: block),
      to: &sums)
    return product(sums)
  }

  /// Adds two blocks · x, without their offsets, to `total`.
  @unsafe @inline(__always)
  private static func accumulate(
    pair p: UnsafeRawPointer, _ x: UnsafePointer<Float>, masks: NibblePairMasks,
    to total: inout Float8
  ) {
    let first = unsafe (p + nibbleOffset).loadUnaligned(as: SIMD4<Int32>.self)
    let second = unsafe (p + (bytes &+ nibbleOffset)).loadUnaligned(as: SIMD4<Int32>.self)
    let words = SIMD8<Int32>(
      first[0], first[1], first[2], first[3], second[0], second[1], second[2], second[3])
    var even = unsafe floats(words & masks.m0) * load8(x)
    var odd = unsafe floats(words & masks.m1) * load8(x + 8)
    even = unsafe multiplyAdd(floats(words & masks.m2), load8(x + 16), even)
    odd = unsafe multiplyAdd(floats(words & masks.m3), load8(x + 24), odd)
    even = unsafe multiplyAdd(floats(words & masks.m4), load8(x + 32), even)
    odd = unsafe multiplyAdd(floats(words & masks.m5), load8(x + 40), odd)
    even = unsafe multiplyAdd(floats(words & masks.m6), load8(x + 48), even)
    odd = unsafe multiplyAdd(floats(topNibbles(words)), load8(x + 56), odd)
    let (d, e) = unsafe (scales(p).x, scales(p + bytes).x)
    total = multiplyAdd(even + odd, Float8(d, d, d, d, e, e, e, e), total)
  }

  /// The top nibble of each word, shifted down, for in its place it would be the sign.
  @inline(__always)
  private static func topNibbles(_ words: SIMD8<Int32>) -> SIMD8<Int32> {
    // Eight 32-bit lanes both.
    let shifted = unsafe unsafeBitCast(words, to: SIMD8<UInt32>.self) &>> 28
    return unsafe unsafeBitCast(shifted, to: SIMD8<Int32>.self)
  }
}

/// One nibble of every word, for all but the top one.
///
/// Kept from the optimiser as values it cannot see through, like `NibbleMasks`; it must not even know
/// that they are positive, or it converts them as unsigned numbers, which takes five times as long.
struct NibblePairMasks {
  let (m0, m1, m2, m3): (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>)
  let (m4, m5, m6): (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>)

  /// - Parameter zero: 0, from memory.
  @inline(__always)
  init(zero: Int32) {
    m0 = SIMD8(repeating: 0xF | zero)
    m1 = SIMD8(repeating: 0xF0 | zero)
    m2 = SIMD8(repeating: 0xF00 | zero)
    m3 = SIMD8(repeating: 0xF000 | zero)
    m4 = SIMD8(repeating: 0xF_0000 | zero)
    m5 = SIMD8(repeating: 0xF0_0000 | zero)
    m6 = SIMD8(repeating: 0xF00_0000 | zero)
  }
}

/// Brings the inputs of pairs of blocks into the order of `NibbleFormat`.
enum PairedInput {
  /// `paired[64·pair + 8·k + word] = x[…] / 16ᵏ`; the top nibble, k = 7, is not divided. Only whole
  /// pairs are written.
  @unsafe static func arrange(
    _ x: UnsafePointer<Float>, blocks: Int, into paired: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks & ~1 {
      for upper in 0..<2 {
        let source = unsafe x + (block &* 32 &+ upper &* 16)
        let target = unsafe paired + ((block & ~1) &* 32 &+ (block & 1) &* 4 &+ upper &* 8)
        let top: Float = upper == 1 ? 1 : 0x1p-24
        let unit: Float = upper == 1 ? 0x1p-4 : 1
        let (r0, r1, r2, r3) = unsafe (
          load4(source), load4(source + 4), load4(source + 8), load4(source + 12)
        )
        unsafe store4(SIMD4(r0[0], r1[0], r2[0], r3[0]) * unit, target)
        unsafe store4(SIMD4(r0[1], r1[1], r2[1], r3[1]) * (unit * 0x1p-8), target + 16)
        unsafe store4(SIMD4(r0[2], r1[2], r2[2], r3[2]) * (unit * 0x1p-16), target + 32)
        unsafe store4(SIMD4(r0[3], r1[3], r2[3], r3[3]) * top, target + 48)
      }
    }
  }

  @unsafe @inline(__always)
  private static func load4(_ p: UnsafePointer<Float>) -> SIMD4<Float> {
    unsafe UnsafeRawPointer(p).loadUnaligned(as: SIMD4<Float>.self)
  }

  @unsafe @inline(__always)
  private static func store4(_ value: SIMD4<Float>, _ p: UnsafeMutablePointer<Float>) {
    unsafe UnsafeMutableRawPointer(p).storeBytes(of: value, as: SIMD4<Float>.self)
  }
}
