#if arch(x86_64) && KVPOLICY_FMA
  private import _Builtin_intrinsics.intel
#endif

/// Turns eight rows of eight floats into eight columns: `c[j][i] = r[i][j]`.
///
/// Three rounds: pairs of floats, pairs of pairs, halves; 24 shuffles in all.
@inline(__always)
func transposed(
  _ r: (Float8, Float8, Float8, Float8, Float8, Float8, Float8, Float8)
) -> (Float8, Float8, Float8, Float8, Float8, Float8, Float8, Float8) {
  let (a0, a1) = (lowerPairs(r.0, r.1), upperPairs(r.0, r.1))
  let (a2, a3) = (lowerPairs(r.2, r.3), upperPairs(r.2, r.3))
  let (a4, a5) = (lowerPairs(r.4, r.5), upperPairs(r.4, r.5))
  let (a6, a7) = (lowerPairs(r.6, r.7), upperPairs(r.6, r.7))
  let (b0, b1) = (evenPairs(a0, a2), oddPairs(a0, a2))
  let (b2, b3) = (evenPairs(a1, a3), oddPairs(a1, a3))
  let (b4, b5) = (evenPairs(a4, a6), oddPairs(a4, a6))
  let (b6, b7) = (evenPairs(a5, a7), oddPairs(a5, a7))
  return (
    lowerHalves(b0, b4), lowerHalves(b1, b5), lowerHalves(b2, b6), lowerHalves(b3, b7),
    upperHalves(b0, b4), upperHalves(b1, b5), upperHalves(b2, b6), upperHalves(b3, b7)
  )
}

/// The first elements of four vectors, then the second elements, and so on.
@inline(__always)
func interleaved(_ r: (Float8, Float8, Float8, Float8)) -> (Float8, Float8, Float8, Float8) {
  let (a0, a1) = (lowerPairs(r.0, r.1), upperPairs(r.0, r.1))
  let (a2, a3) = (lowerPairs(r.2, r.3), upperPairs(r.2, r.3))
  let (b0, b1) = (evenPairs(a0, a2), oddPairs(a0, a2))
  let (b2, b3) = (evenPairs(a1, a3), oddPairs(a1, a3))
  return (lowerHalves(b0, b1), lowerHalves(b2, b3), upperHalves(b0, b1), upperHalves(b2, b3))
}

/// The sums of the elements of four vectors: in each half, neighbours are added, then the two
/// pairs; last, the two halves.
@inline(__always)
func totals(_ a: Float8, _ b: Float8, _ c: Float8, _ d: Float8) -> SIMD4<Float> {
  #if arch(x86_64) && KVPOLICY_FMA
    // If this were written as shuffles, the compiler would take it apart, element by element.
    let all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d))
  #else
    let ab = evens(a, b) + odds(a, b)
    let cd = evens(c, d) + odds(c, d)
    let all = evens(ab, cd) + odds(ab, cd)
  #endif
  return all.lowHalf + all.highHalf
}

#if KVPOLICY_AVX512
  /// The sums of the elements of four vectors: the halves of each are added first.
  @inline(__always)
  func totals(
    _ a: FloatVector, _ b: FloatVector, _ c: FloatVector, _ d: FloatVector
  ) -> SIMD4<Float> {
    totals(
      a.lowHalf + a.highHalf, b.lowHalf + b.highHalf, c.lowHalf + c.highHalf,
      d.lowHalf + d.highHalf)
  }
#endif

/// `a0 a2 b0 b2`, in each half.
@inline(__always)
private func evens(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[0], a[2], b[0], b[2], a[4], a[6], b[4], b[6])
}

/// `a1 a3 b1 b3`, in each half.
@inline(__always)
private func odds(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[1], a[3], b[1], b[3], a[5], a[7], b[5], b[7])
}

/// `a0 b0 a1 b1`, in each half.
@inline(__always)
private func lowerPairs(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[0], b[0], a[1], b[1], a[4], b[4], a[5], b[5])
}

/// `a2 b2 a3 b3`, in each half.
@inline(__always)
private func upperPairs(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[2], b[2], a[3], b[3], a[6], b[6], a[7], b[7])
}

/// `a0 a1 b0 b1`, in each half.
@inline(__always)
private func evenPairs(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[0], a[1], b[0], b[1], a[4], a[5], b[4], b[5])
}

/// `a2 a3 b2 b3`, in each half.
@inline(__always)
private func oddPairs(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[2], a[3], b[2], b[3], a[6], a[7], b[6], b[7])
}

/// The first halves of both vectors.
@inline(__always)
private func lowerHalves(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3])
}

/// The second halves of both vectors.
@inline(__always)
private func upperHalves(_ a: Float8, _ b: Float8) -> Float8 {
  Float8(a[4], a[5], a[6], a[7], b[4], b[5], b[6], b[7])
}
