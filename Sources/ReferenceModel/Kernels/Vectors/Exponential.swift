import KVPolicyKit

extension Kernels {
  /// `eˣ` per lane: the one that scoring uses.
  @inline(__always)
  static func exponential(_ x: Float8) -> Float8 { KVPolicyKit.exponential(x) }

  /// `eˣ` per lane for `x ≤ 0`, at half the price: what attention weighs rows by.
  ///
  /// `eˣ = 2ⁿ · 2ʳ` with `n` whole and `|r| ≤ ½`; the polynomial is the one of degree 6 through (0, 1)
  /// whose greatest relative error there is least, 2·10⁻⁹. Results below 2⁻¹²⁶ are 0; a NaN stays one.
  /// The error is within 2 units in the last place and another 1.5 · |x| for the rounding of
  /// `x · log₂ e` and of log₂ e itself: beside the greatest weight, 1, always below 2·10⁻⁷.
  @inline(__always)
  static func exponentialBelowOne(_ x: Float8) -> Float8 {
    let y = x * 1.442_695_04
    // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
    let magic: Float = 12_582_912
    let shifted = y + magic
    let r = y - (shifted - magic)
    var p = Float8(repeating: 0.000_153_533_62)
    p = multiplyAdd(p, r, Float8(repeating: 0.001_339_887_5))
    p = multiplyAdd(p, r, Float8(repeating: 0.009_618_437))
    p = multiplyAdd(p, r, Float8(repeating: 0.055_503_324))
    p = multiplyAdd(p, r, Float8(repeating: 0.240_226_48))
    p = multiplyAdd(p, r, Float8(repeating: 0.693_147_2))
    p = multiplyAdd(p, r, Float8(repeating: 1))
    // Eight 32-bit lanes both, and every bit pattern is an integer.
    let bits = unsafe unsafeBitCast(shifted, to: SIMD8<Int32>.self)
    var value = p * powerOfTwo(bits &- Int32(bitPattern: magic.bitPattern))
    value.replace(with: Float8.zero, where: y .< -126)
    return value
  }
}
