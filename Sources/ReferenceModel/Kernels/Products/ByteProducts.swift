#if arch(x86_64) && KVPOLICY_FMA
  // The compiler's module of intrinsics: these instructions are not available in any other way.
  private import _Builtin_intrinsics.intel
#endif

/// Sums of products of bytes, for which processors have instructions.
///
/// Nothing is rounded, so every target gives the same integers.
enum ByteProducts {
  #if KVPOLICY_AVX512
    /// A sum for each word: four products.
    typealias Sums = IntVector
  #elseif arch(x86_64) && KVPOLICY_FMA
    /// Two sums for each word, of two products each. The instruction saturates, so they must fit in
    /// 16 bits.
    typealias Sums = SIMD16<Int16>
  #else
    /// A sum for each word: four products.
    typealias Sums = IntVector
  #endif

  /// Multiplies the unsigned bytes of each word of `q` by the signed bytes of a word of `x`, and
  /// adds the products to the word's sums.
  @inline(__always)
  static func add(_ q: WordVector, _ x: WordVector, to sums: inout Sums) {
    // In either case all types have as many bits as a register.
    #if KVPOLICY_AVX512
      sums = unsafe unsafeBitCast(
        _mm512_dpbusd_epi32(
          unsafeBitCast(sums, to: SIMD8<Int64>.self), unsafeBitCast(q, to: SIMD8<Int64>.self),
          unsafeBitCast(x, to: SIMD8<Int64>.self)),
        to: Sums.self)
    #elseif arch(x86_64) && KVPOLICY_FMA
      sums &+= unsafe unsafeBitCast(
        _mm256_maddubs_epi16(
          unsafeBitCast(q, to: SIMD4<Int64>.self), unsafeBitCast(x, to: SIMD4<Int64>.self)),
        to: Sums.self)
    #else
      PlainByteProducts.add(q, x, to: &sums)
    #endif
  }

  /// One sum for each word, in 32 bits.
  @inline(__always)
  static func widened(_ sums: Sums) -> IntVector {
    #if arch(x86_64) && KVPOLICY_FMA && !KVPOLICY_AVX512
      // Both types are 256 bits.
      return unsafe unsafeBitCast(
        _mm256_madd_epi16(unsafeBitCast(sums, to: SIMD4<Int64>.self), _mm256_set1_epi16(1)),
        to: IntVector.self)
    #else
      return sums
    #endif
  }

  /// Multiplies two columns of a panel's signed bytes, consecutive at `p`, by one input each, and
  /// adds the two products of every row.
  @unsafe @inline(__always)
  static func columns(_ p: UnsafeRawPointer, _ x: SIMD2<Int8>) -> (IntVector, IntVector) {
    #if arch(x86_64) && KVPOLICY_FMA
      let second = unsafe p + PanelShape.rows
      return unsafe (pairs(p, second, x), pairs(p + vectorWidth, second + vectorWidth, x))
    #else
      return unsafe PlainByteProducts.columns(p, x)
    #endif
  }

  #if arch(x86_64) && KVPOLICY_FMA
    /// A register's bytes at `first` and `second`, times one input each: a sum for each row.
    @unsafe @inline(__always)
    private static func pairs(
      _ first: UnsafeRawPointer, _ second: UnsafeRawPointer, _ x: SIMD2<Int8>
    ) -> IntVector {
      // Both types are 16 bits.
      let inputs = unsafe _mm_set1_epi16(unsafeBitCast(x, to: Int16.self))
      #if KVPOLICY_AVX512
        let (a, b) = unsafe (
          first.loadUnaligned(as: SIMD2<Int64>.self), second.loadUnaligned(as: SIMD2<Int64>.self)
        )
        let bytes = SIMD4<Int64>(
          lowHalf: _mm_unpacklo_epi8(a, b), highHalf: _mm_unpackhi_epi8(a, b))
        let wide = SIMD4<Int64>(lowHalf: inputs, highHalf: inputs)
        // Both types are 512 bits.
        return unsafe unsafeBitCast(
          _mm512_madd_epi16(_mm512_cvtepi8_epi16(bytes), _mm512_cvtepi8_epi16(wide)),
          to: IntVector.self)
      #else
        let a = unsafe SIMD2<Int64>(first.loadUnaligned(as: Int64.self), 0)
        let b = unsafe SIMD2<Int64>(second.loadUnaligned(as: Int64.self), 0)
        // Both types are 256 bits.
        return unsafe unsafeBitCast(
          _mm256_madd_epi16(
            _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)), _mm256_cvtepi8_epi16(inputs)),
          to: IntVector.self)
      #endif
    }
  #endif
}

/// The definitions of the functions of `ByteProducts`, which targets without the instructions run.
enum PlainByteProducts {
  @inline(__always)
  static func add(_ q: WordVector, _ x: WordVector, to sums: inout IntVector) {
    for lane in 0..<vectorWidth {
      for shift: UInt32 in [0, 8, 16, 24] {
        let weight = Int32(UInt8(truncatingIfNeeded: q[lane] &>> shift))
        sums[lane] &+= weight &* Int32(Int8(truncatingIfNeeded: x[lane] &>> shift))
      }
    }
  }

  @unsafe @inline(__always)
  static func columns(_ p: UnsafeRawPointer, _ x: SIMD2<Int8>) -> (IntVector, IntVector) {
    let (first, second) = (Int32(x[0]), Int32(x[1]))
    let q = unsafe p + PanelShape.rows
    return unsafe (
      rows(p) &* first &+ rows(q) &* second,
      rows(p + vectorWidth) &* first &+ rows(q + vectorWidth) &* second
    )
  }

  /// A register of signed bytes as integers.
  @unsafe @inline(__always)
  private static func rows(_ p: UnsafeRawPointer) -> IntVector {
    unsafe integers(p.loadUnaligned(as: ByteVector.self))
  }
}
