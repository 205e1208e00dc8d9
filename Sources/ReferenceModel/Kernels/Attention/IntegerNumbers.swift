#if arch(x86_64) && KVPOLICY_FMA
  // The compiler's module of intrinsics: these instructions are not available in any other way.
  private import _Builtin_intrinsics.intel
#endif

/// How 32 consecutive numbers of a row become integers of 16 bits, for sums of products in
/// integers.
protocol IntegerNumbers {
  /// Bytes of 32 numbers.
  static var bytes: Int { get }
  /// 32 numbers as two registers. Rows may start at any address.
  @unsafe static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>)
  /// Where the two registers have a number: an index from 0 to 31.
  static func place(_ number: Int) -> Int
}

extension SignedBytes: IntegerNumbers {
  static var bytes: Int { 32 }

  @unsafe @inline(__always)
  static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>) {
    unsafe (
      widened(p.loadUnaligned(as: SIMD16<Int8>.self)),
      widened((p + 16).loadUnaligned(as: SIMD16<Int8>.self))
    )
  }

  static func place(_ number: Int) -> Int { number }
}

extension Codes8: IntegerNumbers {
  static var bytes: Int { 32 }

  @unsafe @inline(__always)
  static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>) {
    unsafe (
      widened(p.loadUnaligned(as: SIMD16<UInt8>.self)),
      widened((p + 16).loadUnaligned(as: SIMD16<UInt8>.self))
    )
  }

  static func place(_ number: Int) -> Int { number }
}

extension Codes4: IntegerNumbers {
  static var bytes: Int { 16 }

  /// The codes of even numbers, then the codes of odd numbers.
  @unsafe @inline(__always)
  static func load(_ p: UnsafeRawPointer) -> (SIMD16<Int16>, SIMD16<Int16>) {
    let pairs = unsafe widened(p.loadUnaligned(as: SIMD16<UInt8>.self))
    return (pairs & 15, pairs &>> 4)
  }

  static func place(_ number: Int) -> Int { number % 2 * 16 + number / 2 }
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

  static func place(_ number: Int) -> Int { number % 4 * 8 + number / 4 }
}

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

@inline(__always)
private func widened(_ bytes: SIMD16<Int8>) -> SIMD16<Int16> {
  #if arch(x86_64) && KVPOLICY_FMA
    // The types are 128 and 256 bits.
    return unsafe unsafeBitCast(
      _mm256_cvtepi8_epi16(unsafeBitCast(bytes, to: SIMD2<Int64>.self)), to: SIMD16<Int16>.self)
  #else
    return SIMD16<Int16>(truncatingIfNeeded: bytes)
  #endif
}
