#if arch(x86_64) && KVPOLICY_FMA
  // The compiler's module of intrinsics: these instructions are not available in any other way.
  private import _Builtin_intrinsics.intel
#endif

/// How 32 consecutive numbers of a row become integers of 16 bits, for sums of products in
/// integers.
protocol IntegerNumbers {
  /// Bytes of 32 numbers.
  static var bytes: Int { get }
  /// Numbers of a group, where it is the same in all rows of such numbers and no group has a zero;
  /// else nil.
  static var groupSize: Int? { get }
  /// 32 numbers as two registers. Rows may start at any address.
  @unsafe static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>)
  /// 32 consecutive integers of 16 bits in the order of the two registers.
  static func order(_ a: SIMD16<Int16>, _ b: SIMD16<Int16>) -> (SIMD16<Int16>, SIMD16<Int16>)
}

extension IntegerNumbers {
  static var groupSize: Int? { nil }
}

/// Numbers that are bytes: registers are in the order of a row.
protocol ByteNumbers: PairedNumbers {
  associatedtype Byte: SIMDScalar
  /// Sixteen bytes as integers of 16 bits.
  static func widened(_ bytes: SIMD16<Byte>) -> SIMD16<Int16>
}

extension ByteNumbers {
  static var bytes: Int { 32 }

  @unsafe @inline(__always)
  static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>) {
    unsafe (
      widened(p.loadUnaligned(as: SIMD16<Byte>.self)),
      widened((p + 16).loadUnaligned(as: SIMD16<Byte>.self))
    )
  }

  @inline(__always)
  static func order(_ a: SIMD16<Int16>, _ b: SIMD16<Int16>) -> (SIMD16<Int16>, SIMD16<Int16>) {
    (a, b)
  }
}

extension SignedBytes: @unsafe ByteNumbers {
  /// That of rows in q8_0.
  static var groupSize: Int? { 32 }

  @inline(__always)
  static func widened(_ bytes: SIMD16<Int8>) -> SIMD16<Int16> {
    #if arch(x86_64) && KVPOLICY_FMA
      // The types are 128 and 256 bits.
      return unsafe unsafeBitCast(
        _mm256_cvtepi8_epi16(unsafeBitCast(bytes, to: SIMD2<Int64>.self)), to: SIMD16<Int16>.self)
    #else
      return SIMD16<Int16>(truncatingIfNeeded: bytes)
    #endif
  }
}

extension Codes8: @unsafe ByteNumbers {
  @inline(__always)
  static func widened(_ bytes: SIMD16<UInt8>) -> SIMD16<Int16> { ReferenceModel.widened(bytes) }
}

extension Codes4: IntegerNumbers {
  static var bytes: Int { 16 }

  /// The codes of even numbers, then the codes of odd numbers.
  @unsafe @inline(__always)
  static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>) {
    let pairs = unsafe widened(p.loadUnaligned(as: SIMD16<UInt8>.self))
    return (pairs & 15, pairs &>> 4)
  }

  @inline(__always)
  static func order(_ a: SIMD16<Int16>, _ b: SIMD16<Int16>) -> (SIMD16<Int16>, SIMD16<Int16>) {
    split(a, b)
  }
}

extension Codes2: IntegerNumbers {
  static var bytes: Int { 8 }

  /// Of every four codes the first, then the second; in the other register the third and fourth.
  @unsafe @inline(__always)
  static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>) {
    let half = unsafe p.loadUnaligned(as: SIMD8<UInt8>.self)
    let fours = widened(SIMD16(lowHalf: half, highHalf: half))
    let lower = SIMD16<Int16>(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2)
    return ((fours &>> lower) & 3, (fours &>> (lower &+ 4)) & 3)
  }

  @inline(__always)
  static func order(_ a: SIMD16<Int16>, _ b: SIMD16<Int16>) -> (SIMD16<Int16>, SIMD16<Int16>) {
    let (even, odd) = split(a, b)
    return split(even, odd)
  }
}

/// 16 floats times a factor, at most 32,767 in size, rounded to integers; ties go to even integers.
@unsafe @inline(__always)
func rounded(_ p: UnsafePointer<Float>, times factor: Float8) -> SIMD16<Int16> {
  let (a, b) = unsafe (load8(p) * factor, load8(p + 8) * factor)
  #if arch(x86_64) && KVPOLICY_FMA
    return packed(_mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b)))
  #else
    var result = SIMD16<Int16>.zero
    for lane in 0..<8 {
      result[lane] = Int16(a[lane].rounded(.toNearestOrEven))
      result[8 + lane] = Int16(b[lane].rounded(.toNearestOrEven))
    }
    return result
  #endif
}

/// Of 32 consecutive integers the first of every two, and the second of every two.
@inline(__always)
private func split(
  _ a: SIMD16<Int16>, _ b: SIMD16<Int16>
) -> (SIMD16<Int16>, SIMD16<Int16>) {
  #if arch(x86_64) && KVPOLICY_FMA
    // All types are 256 bits. Pairs become words of 32 bits with one of the two.
    let (x, y) = unsafe (
      unsafeBitCast(a, to: SIMD8<Int32>.self), unsafeBitCast(b, to: SIMD8<Int32>.self)
    )
    let mask = SIMD8<Int32>(repeating: 0xFFFF)
    let first = unsafe _mm256_packus_epi32(
      unsafeBitCast(x & mask, to: SIMD4<Int64>.self),
      unsafeBitCast(y & mask, to: SIMD4<Int64>.self))
    let second = unsafe _mm256_packs_epi32(
      unsafeBitCast(x &>> 16, to: SIMD4<Int64>.self),
      unsafeBitCast(y &>> 16, to: SIMD4<Int64>.self))
    return (packed(first), packed(second))
  #else
    var (first, second) = (SIMD16<Int16>.zero, SIMD16<Int16>.zero)
    for lane in 0..<8 {
      (first[lane], second[lane]) = (a[2 * lane], a[2 * lane + 1])
      (first[8 + lane], second[8 + lane]) = (b[2 * lane], b[2 * lane + 1])
    }
    return (first, second)
  #endif
}

#if arch(x86_64) && KVPOLICY_FMA
  /// What an instruction packed half by half, in the order of its operands.
  @inline(__always)
  private func packed(_ halves: SIMD4<Int64>) -> SIMD16<Int16> {
    // Both types are 256 bits.
    unsafe unsafeBitCast(
      SIMD4(halves[0], halves[2], halves[1], halves[3]), to: SIMD16<Int16>.self)
  }
#endif

/// Multiplies 16 numbers by 16 others, and adds the products of neighbours to eight sums.
///
/// The numbers of one factor are at most 255 in size, so no sum of two products overflows, and no
/// sum of a row does: rows have far fewer than 256 neighbours.
@inline(__always)
func addProducts(_ a: SIMD16<Int16>, _ b: SIMD16<Int16>, to sums: inout SIMD8<Int32>) {
  #if arch(x86_64) && KVPOLICY_FMA
    // All types are 256 bits.
    sums &+= unsafe unsafeBitCast(
      _mm256_madd_epi16(
        unsafeBitCast(a, to: SIMD4<Int64>.self), unsafeBitCast(b, to: SIMD4<Int64>.self)),
      to: SIMD8<Int32>.self)
  #else
    for lane in 0..<8 {
      sums[lane] &+= Int32(a[2 * lane]) &* Int32(b[2 * lane])
      sums[lane] &+= Int32(a[2 * lane + 1]) &* Int32(b[2 * lane + 1])
    }
  #endif
}

/// As `addProducts`, of two integers of 16 bits in each word.
@inline(__always)
func addPairProducts(_ codes: WordVector, _ others: WordVector, to sums: inout IntVector) {
  #if KVPOLICY_AVX512
    // All types are 512 bits.
    sums &+= unsafe unsafeBitCast(
      _mm512_madd_epi16(
        unsafeBitCast(codes, to: SIMD8<Int64>.self), unsafeBitCast(others, to: SIMD8<Int64>.self)),
      to: IntVector.self)
  #elseif arch(x86_64) && KVPOLICY_FMA
    // All types are 256 bits.
    sums &+= unsafe unsafeBitCast(
      _mm256_madd_epi16(
        unsafeBitCast(codes, to: SIMD4<Int64>.self), unsafeBitCast(others, to: SIMD4<Int64>.self)),
      to: IntVector.self)
  #else
    let (x, y) = unsafe (
      unsafeBitCast(codes, to: IntVector.self), unsafeBitCast(others, to: IntVector.self)
    )
    sums &+= ((x &<< 16) &>> 16) &* ((y &<< 16) &>> 16) &+ (x &>> 16) &* (y &>> 16)
  #endif
}

@inline(__always)
private func widened(_ bytes: SIMD16<UInt8>) -> SIMD16<Int16> {
  #if arch(x86_64) && KVPOLICY_FMA
    // The types are 128 and 256 bits.
    return unsafe unsafeBitCast(
      _mm256_cvtepu8_epi16(unsafeBitCast(bytes, to: SIMD2<Int64>.self)), to: SIMD16<Int16>.self)
  #else
    return SIMD16<Int16>(truncatingIfNeeded: bytes)
  #endif
}
