#if arch(x86_64) && KVPOLICY_FMA
  // The compiler's module of intrinsics: two of these instructions are not available in any other
  // way.
  private import _Builtin_intrinsics.intel
#endif

/// Products of small integers with neighbours added, for which processors have instructions.
///
/// Nothing is rounded, so every target gives the same integers.
enum PairSums {
  /// Multiplies 32 unsigned bytes by 32 signed bytes and adds every two neighbouring products.
  ///
  /// The sums must fit in 16 bits: the instruction saturates.
  @inline(__always)
  static func products(_ q: SIMD8<UInt32>, _ x: SIMD8<UInt32>) -> SIMD16<Int16> {
    #if arch(x86_64) && KVPOLICY_FMA
      // All of these types are 256 bits.
      return unsafe unsafeBitCast(
        _mm256_maddubs_epi16(
          unsafeBitCast(q, to: SIMD4<Int64>.self), unsafeBitCast(x, to: SIMD4<Int64>.self)),
        to: SIMD16<Int16>.self)
    #else
      return PlainPairSums.products(q, x)
    #endif
  }

  /// Adds every two neighbours, in 32 bits.
  @inline(__always)
  static func widened(_ v: SIMD16<Int16>) -> SIMD8<Int32> {
    #if arch(x86_64) && KVPOLICY_FMA
      // All of these types are 256 bits.
      return unsafe unsafeBitCast(
        _mm256_madd_epi16(unsafeBitCast(v, to: SIMD4<Int64>.self), _mm256_set1_epi16(1)),
        to: SIMD8<Int32>.self)
    #else
      return PlainPairSums.widened(v)
    #endif
  }

  /// Multiplies two columns of sixteen signed bytes, consecutive at `p`, by one input each, and
  /// adds the two products of every row.
  @unsafe @inline(__always)
  static func columns(_ p: UnsafeRawPointer, _ x: SIMD2<Int8>) -> (SIMD8<Int32>, SIMD8<Int32>) {
    #if arch(x86_64) && KVPOLICY_FMA
      let first = unsafe p.loadUnaligned(as: SIMD2<Int64>.self)
      let second = unsafe (p + 16).loadUnaligned(as: SIMD2<Int64>.self)
      // Both types are 16 bits; below, both are 256.
      let inputs = unsafe _mm256_cvtepi8_epi16(_mm_set1_epi16(unsafeBitCast(x, to: Int16.self)))
      let low = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(first, second))
      let high = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(first, second))
      return unsafe (
        unsafeBitCast(_mm256_madd_epi16(low, inputs), to: SIMD8<Int32>.self),
        unsafeBitCast(_mm256_madd_epi16(high, inputs), to: SIMD8<Int32>.self)
      )
    #else
      return unsafe PlainPairSums.columns(p, x)
    #endif
  }
}

/// The definitions of the functions of `PairSums`, which targets without the instructions run.
enum PlainPairSums {
  @inline(__always)
  static func products(_ q: SIMD8<UInt32>, _ x: SIMD8<UInt32>) -> SIMD16<Int16> {
    // All of these types are 256 bits.
    let (q, x) = unsafe (
      unsafeBitCast(q, to: SIMD32<UInt8>.self), unsafeBitCast(x, to: SIMD32<Int8>.self)
    )
    var sums = SIMD16<Int16>.zero
    for lane in 0..<16 {
      let (first, second) = (2 &* lane, 2 &* lane &+ 1)
      sums[lane] = Int16(q[first]) &* Int16(x[first]) &+ Int16(q[second]) &* Int16(x[second])
    }
    return sums
  }

  @inline(__always)
  static func widened(_ v: SIMD16<Int16>) -> SIMD8<Int32> {
    var sums = SIMD8<Int32>.zero
    for lane in 0..<8 { sums[lane] = Int32(v[2 &* lane]) &+ Int32(v[2 &* lane &+ 1]) }
    return sums
  }

  @unsafe @inline(__always)
  static func columns(_ p: UnsafeRawPointer, _ x: SIMD2<Int8>) -> (SIMD8<Int32>, SIMD8<Int32>) {
    let (first, second) = (Int32(x[0]), Int32(x[1]))
    return unsafe (
      row8(p) &* first &+ row8(p + 16) &* second, row8(p + 8) &* first &+ row8(p + 24) &* second
    )
  }

  /// Eight signed bytes as integers.
  @unsafe @inline(__always)
  private static func row8(_ p: UnsafeRawPointer) -> SIMD8<Int32> {
    unsafe integers(p.loadUnaligned(as: SIMD8<Int8>.self))
  }
}
