/// A block of 32 small integers `q` with a scale, and perhaps an offset: `x = d·q + m`.
///
/// The product with 32 activations is `d·Σ qx + m·Σ x`. `Σ x` is the same for every row of the
/// matrix, so it is computed once per vector, and a weight costs one conversion and one
/// multiply-add. The types whose integers are stored with a bias (`x = d·(q − 8)`) are the case
/// `m = −8·d`.
///
/// The upper 16 integers are left where they are in their bytes, that is, multiplied by 16: shifting
/// them down would be an instruction per vector, while a factor that is a power of two is exact
/// and can be taken out of the sum of a whole row.
protocol QuantizedFormat: WeightFormat {
  /// Whether the block has an offset `m` beside its scale.
  static var hasOffset: Bool { get }
  /// What is added to the integers: −8, −16, or 0.
  static var bias: Float { get }
  /// What `integers` multiplies elements 16–31 by: 16 or 1.
  static var upperUnit: Float { get }
  /// The stored integers in order, those from 16 on times `upperUnit`.
  @unsafe static func integers(
    _ p: UnsafeRawPointer, masks: NibbleMasks
  ) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>)
}

/// The two halves of a byte, and the numbers of the lanes.
///
/// Kept from the optimiser as values it cannot see through: knowing them, it masks bytes before
/// widening them, and then has four vectors to widen instead of two; and it shifts lane by lane.
struct NibbleMasks {
  let lower: SIMD8<Int32>
  let upper: SIMD8<Int32>
  let lanes: SIMD8<Int32>

  /// Masks for a row of `blocks` blocks; `blocks` is far below 2⁴⁰, so it leaves them as they are.
  @inline(__always)
  init(blocks: Int) {
    let zero = Int32(truncatingIfNeeded: blocks &>> 40)
    lower = SIMD8(repeating: 0x0F | zero)
    upper = SIMD8(repeating: 0xF0 | zero)
    lanes = SIMD8(0, 1, 2, 3, 4, 5, 6, 7) &+ zero
  }
}

/// The sums a row's product is made of.
struct QuantizedSums {
  /// `Σ d·qx` over elements 0–15 of every block, and over elements 16–31, by lane.
  var lower = Float8.zero
  var upper = Float8.zero
  /// `Σ d·Σx` and `Σ m·Σx` over the blocks.
  var offsets = SIMD2<Float>.zero
}

extension QuantizedFormat {
  /// The scale, and the offset or 0.
  @unsafe @inline(__always)
  static func scales(_ p: UnsafeRawPointer) -> SIMD2<Float> {
    guard hasOffset else { return unsafe SIMD2(Float(p.loadUnaligned(as: Float16.self)), 0) }
    let pair = unsafe p.loadUnaligned(as: SIMD2<Float16>.self)
    return SIMD2(Float(pair.x), Float(pair.y))
  }

  @unsafe @inline(__always)
  static func unpack(_ p: UnsafeRawPointer) -> (Float8, Float8, Float8, Float8) {
    let scales = unsafe scales(p)
    let q = unsafe integers(p, masks: NibbleMasks(blocks: 0))
    let (d, upperD) = (Float8(repeating: scales.x), Float8(repeating: scales.x / upperUnit))
    let (b, upperB) = (Float8(repeating: bias), Float8(repeating: bias * upperUnit))
    let m = Float8(repeating: scales.y)
    // Product first, then the sum, as the format defines it: every build gives the same weights.
    return (
      d * (floats(q.0) + b) + m, d * (floats(q.1) + b) + m,
      upperD * (floats(q.2) + upperB) + m, upperD * (floats(q.3) + upperB) + m
    )
  }

  @unsafe @inline(__always)
  static func unpackPart(
    _ p: UnsafeRawPointer, _ count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    // The columns of a quantised matrix are a multiple of 32.
  }

  /// Adds block · x to `sums`; `sum` is `Σ x` over the block.
  @unsafe @inline(__always)
  static func accumulate(
    _ p: UnsafeRawPointer, _ x: UnsafePointer<Float>, _ sum: Float, masks: NibbleMasks,
    to sums: inout QuantizedSums
  ) {
    let scales = unsafe scales(p)
    let q = unsafe integers(p, masks: masks)
    let d = Float8(repeating: scales.x)
    var lower = unsafe floats(q.0) * load8(x)
    var upper = unsafe floats(q.2) * load8(x + 16)
    lower = unsafe multiplyAdd(floats(q.1), load8(x + 8), lower)
    upper = unsafe multiplyAdd(floats(q.3), load8(x + 24), upper)
    sums.lower = multiplyAdd(lower, d, sums.lower)
    sums.upper = multiplyAdd(upper, d, sums.upper)
    if hasOffset || bias != 0 {
      sums.offsets = multiplyAdd(scales, SIMD2(repeating: sum), sums.offsets)
    }
  }

  /// The row's product.
  @inline(__always)
  static func product(_ sums: QuantizedSums) -> Float {
    let whole = (sums.lower + sums.upper * (1 / upperUnit)).total
    if hasOffset { return whole + sums.offsets.y }
    return bias == 0 ? whole : whole + bias * sums.offsets.x
  }
}
