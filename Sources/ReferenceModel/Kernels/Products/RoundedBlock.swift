/// 32 elements of an input, rounded to bytes: the form that integer products read.
///
/// An element is approximately `unit · byte`, where `unit` is 1/127 of the greatest magnitude among
/// the 32 elements. A product reads one block of 48 bytes after another:
///
///     unit │ unit · Σ bytes │ Σ bytes, as an integer │ – │ 32 bytes
enum RoundedBlock {
  /// Bytes of a block.
  @inline(__always) static var stride: Int { 48 }
  /// Offset of the 32 bytes in a block.
  @inline(__always) static var bytes: Int { 16 }

  /// The factor of the bytes.
  @unsafe @inline(__always)
  static func unit(_ block: UnsafeRawPointer) -> Float {
    unsafe block.loadUnaligned(as: Float.self)
  }

  /// The sum of the rounded elements, which a weight's offset is multiplied with.
  ///
  /// The sum of the unrounded elements would be at hand too. But `d·q` and the offset nearly
  /// cancel, and the errors of rounding cancel only if both are multiplied with the same input.
  @unsafe @inline(__always)
  static func total(_ block: UnsafeRawPointer) -> Float {
    unsafe block.loadUnaligned(fromByteOffset: 4, as: Float.self)
  }

  /// The sum of the bytes.
  @unsafe @inline(__always)
  static func sum(_ block: UnsafeRawPointer) -> Int32 {
    unsafe block.loadUnaligned(fromByteOffset: 8, as: Int32.self)
  }

  /// Rounds the 32 elements at `x`, ties to even bytes.
  ///
  /// An element that is infinite or a NaN makes `unit` a NaN, and with it every product. If the
  /// greatest magnitude is below 2⁻¹⁰⁰, all elements become zeros, because 127 divided by it might
  /// be infinite.
  @unsafe @inline(__always)
  static func round(_ x: UnsafePointer<Float>, into block: UnsafeMutableRawPointer) {
    let v = unsafe (load8(x), load8(x + 8), load8(x + 16), load8(x + 24))
    let unit: Float
    let inverse: Float
    if isFinite(v) {
      let top = greatestMagnitude(v)
      let isZero = top < 0x1p-100
      (unit, inverse) = isZero ? (0, 0) : (top / 127, 127 / top)
    } else {
      (unit, inverse) = (.nan, 0)
    }
    let factor = Float8(repeating: inverse)
    let bytes = (
      rounded(v.0 * factor), rounded(v.1 * factor), rounded(v.2 * factor), rounded(v.3 * factor)
    )
    let sum = ((bytes.0 &+ bytes.1) &+ (bytes.2 &+ bytes.3)).wrappedSum()
    unsafe block.storeBytes(of: unit, as: Float.self)
    unsafe block.storeBytes(of: unit * Float(sum), toByteOffset: 4, as: Float.self)
    unsafe block.storeBytes(of: sum, toByteOffset: 8, as: Int32.self)
    unsafe store(bytes.0, into: block, number: 0)
    unsafe store(bytes.1, into: block, number: 1)
    unsafe store(bytes.2, into: block, number: 2)
    unsafe store(bytes.3, into: block, number: 3)
  }

  /// Whether all elements are finite. x − x is 0 for a finite number and otherwise a NaN, which
  /// makes the whole sum a NaN.
  @inline(__always)
  private static func isFinite(_ v: (Float8, Float8, Float8, Float8)) -> Bool {
    (((v.0 - v.0) + (v.1 - v.1)) + ((v.2 - v.2) + (v.3 - v.3))).total == 0
  }

  @inline(__always)
  private static func greatestMagnitude(_ v: (Float8, Float8, Float8, Float8)) -> Float {
    var (a, b) = (magnitudes(v.0), magnitudes(v.1))
    let (c, d) = (magnitudes(v.2), magnitudes(v.3))
    a.replace(with: c, where: c .> a)
    b.replace(with: d, where: d .> b)
    a.replace(with: b, where: b .> a)
    var four = a.lowHalf
    four.replace(with: a.highHalf, where: a.highHalf .> four)
    return max(max(four.x, four.y), max(four.z, four.w))
  }

  /// The elements without their signs.
  @inline(__always)
  private static func magnitudes(_ v: Float8) -> Float8 {
    // All types are eight 32-bit elements, and every bit pattern is a float.
    unsafe unsafeBitCast(
      unsafeBitCast(v, to: SIMD8<UInt32>.self) & 0x7FFF_FFFF, to: Float8.self)
  }

  /// The nearest integers, for magnitudes up to 127. A NaN becomes any integer, without a trap.
  ///
  /// Near 1.5 · 2²³ a float has no bits for a fraction, and its lowest bits are the integer.
  @inline(__always)
  private static func rounded(_ v: Float8) -> SIMD8<Int32> {
    let magic = Float8(repeating: 0x1.8p23)
    // All types are eight 32-bit elements.
    return unsafe unsafeBitCast(v + magic, to: SIMD8<Int32>.self)
      &- unsafeBitCast(magic, to: SIMD8<Int32>.self)
  }

  /// Stores eight bytes.
  @unsafe @inline(__always)
  private static func store(
    _ v: SIMD8<Int32>, into block: UnsafeMutableRawPointer, number: Int
  ) {
    let narrow = SIMD8<Int8>(
      Int8(truncatingIfNeeded: v[0]), Int8(truncatingIfNeeded: v[1]),
      Int8(truncatingIfNeeded: v[2]), Int8(truncatingIfNeeded: v[3]),
      Int8(truncatingIfNeeded: v[4]), Int8(truncatingIfNeeded: v[5]),
      Int8(truncatingIfNeeded: v[6]), Int8(truncatingIfNeeded: v[7]))
    unsafe block.storeBytes(
      of: narrow, toByteOffset: bytes &+ 8 &* number, as: SIMD8<Int8>.self)
  }
}
