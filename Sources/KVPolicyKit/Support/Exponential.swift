/// `eˣ` of eight numbers, within 2 units in the last place of the true value or of the subnormal
/// nearest to it.
///
/// −∞ and everything below −104 give exactly 0, everything above 88.73 gives +∞, and NaN gives NaN.
///
/// `x = n·ln 2 + r` with `|r| ≤ ln 2 / 2`. `eʳ` is its Taylor polynomial of degree 7, whose
/// remainder is below 6·10⁻⁹ in this range. The power of two is applied in two factors, so that
/// neither factor overflows before the result does.
@inlinable
@inline(__always)
package func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
  var x = x
  x.replace(with: SIMD8<Float>(repeating: 89), where: x .> 89)
  x.replace(with: SIMD8<Float>(repeating: -104), where: x .< -104)
  // Adding 1.5·2²³ rounds to an integer, which is then in the low bits.
  let magic: Float = 12_582_912
  let shifted = x * 1.442_695_04 + magic
  let n = shifted - magic
  // ln 2 in two parts; n has at most eight bits and 355/512 nine, so the first product is exact.
  let r = x - n * 0.693_359_375 + n * 2.121_944_4e-4
  // Plain products and sums: they stay vectors in every build, and fused ones are not needed here.
  var p = r * (1.0 / 5040) + 1.0 / 720
  p = p * r + 1.0 / 120
  p = p * r + 1.0 / 24
  p = p * r + 1.0 / 6
  p = p * r + 0.5
  // 1 + (r + r²·p): the largest term last.
  let value = 1 + (r + r * r * p)
  // Both types have eight 32-bit elements, and every bit pattern is an integer.
  let bits = unsafe unsafeBitCast(shifted, to: SIMD8<Int32>.self)
  let integer = bits &- SIMD8(repeating: Int32(bitPattern: magic.bitPattern))
  let half = integer &>> 1
  return value * powerOfTwo(half) * powerOfTwo(integer &- half)
}

/// 2ⁿ for −126 ≤ n ≤ 127.
@inlinable
@inline(__always)
package func powerOfTwo(_ n: SIMD8<Int32>) -> SIMD8<Float> {
  // Both types have eight 32-bit elements; a biased exponent in 1...254 over a zero fraction is a
  // power of two.
  unsafe unsafeBitCast((n &+ 127) &<< 23, to: SIMD8<Float>.self)
}
