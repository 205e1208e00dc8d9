import KVPolicyKit

extension Kernels {
  /// `eˣ` of each element: the function that scoring uses.
  @inline(__always)
  static func exponential(_ x: FloatVector) -> FloatVector {
    #if KVPOLICY_AVX512
      FloatVector(
        lowHalf: KVPolicyKit.exponential(x.lowHalf), highHalf: KVPolicyKit.exponential(x.highHalf))
    #else
      KVPolicyKit.exponential(x)
    #endif
  }

  /// `eˣ` of each element for `x ≤ 0`, at half the cost: it computes the weights of attention.
  ///
  /// `eˣ = 2ⁿ · 2ʳ` with an integer `n` and `|r| ≤ ½`. Of all polynomials of degree 6 through
  /// `(0, 1)`, this one has the least maximum relative error for such `r`, 2·10⁻⁹. Results below
  /// 2⁻¹²⁶ are 0; a NaN stays a NaN. The error is at most 2 units in the last place, plus 1.5 · |x|
  /// units for the rounding of `x · log₂ e` and of log₂ e itself. Relative to the greatest
  /// attention weight, 1, it is always below 2·10⁻⁷.
  @inline(__always)
  static func exponentialBelowOne(_ x: FloatVector) -> FloatVector {
    let y = x * 1.442_695_04
    // Adding 1.5·2²³ rounds to an integer and leaves the integer in the low bits.
    let magic: Float = 12_582_912
    let shifted = y + magic
    let r = y - (shifted - magic)
    var p = FloatVector(repeating: 0.000_153_533_62)
    p = multiplyAdd(p, r, FloatVector(repeating: 0.001_339_887_5))
    p = multiplyAdd(p, r, FloatVector(repeating: 0.009_618_437))
    p = multiplyAdd(p, r, FloatVector(repeating: 0.055_503_324))
    p = multiplyAdd(p, r, FloatVector(repeating: 0.240_226_48))
    p = multiplyAdd(p, r, FloatVector(repeating: 0.693_147_2))
    p = multiplyAdd(p, r, FloatVector(repeating: 1))
    // Both types have 32-bit elements, and every bit pattern is an integer.
    let bits = unsafe unsafeBitCast(shifted, to: IntVector.self)
    // A biased exponent over a zero fraction is a power of two.
    let exponents = (bits &- Int32(bitPattern: magic.bitPattern) &+ 127) &<< 23
    var value = unsafe p * unsafeBitCast(exponents, to: FloatVector.self)
    value.replace(with: FloatVector.zero, where: y .< -126)
    return value
  }
}
