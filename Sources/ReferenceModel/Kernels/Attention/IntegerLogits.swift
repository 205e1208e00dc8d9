import KVPolicyKit

/// Logits of keys that are integers, by products of integers.
///
/// A query is rounded to 16 bits: an element is approximately `unit · integer`, where `unit` is
/// 1/32767 of the query's greatest magnitude. Sums of products are exact in 32 bits, so no result
/// depends on their order. Sums of queries, which zeros are multiplied with, are not rounded.
@unsafe struct IntegerLogits {
  // Rows have `groups` groups of a multiple of 32 numbers; `rounded` has room for the heads of a
  // tile, `groupSums` for four floats for each group, and sums and queries for `group` heads.

  /// The queries, with the scales of a block if there are such.
  let queries: UnsafePointer<Float>
  let queryStride: Int
  let group: Int
  let scale: Float
  let room: ListRoom

  /// Computes the logits of a list's rows, at `room.sums`.
  func compute(_ list: RowList) {
    switch unsafe list.encoding.numbers {
    case .signedBytes: unsafe compute(SignedBytes.self, list)
    case .codes2: unsafe compute(Codes2.self, list)
    case .codes4: unsafe compute(Codes4.self, list)
    case .codes8: unsafe compute(Codes8.self, list)
    // A list of floats does not come here: the encoding is asked before.
    case .f32, .f16: preconditionFailure("floats are multiplied as floats")
    }
  }

  private func compute<Numbers: IntegerNumbers>(_: Numbers.Type, _ list: RowList) {
    var head = 0
    while unsafe head < group {
      switch unsafe group &- head {
      case 1: unsafe compute(Numbers.self, OneHead.self, list, head: head)
      case 2: unsafe compute(Numbers.self, TwoHeads.self, list, head: head)
      default: unsafe compute(Numbers.self, ThreeHeads.self, list, head: head)
      }
      head &+= 3
    }
  }

  /// Computes the logits of up to three heads: two rows at a time, whose sums share the queries'
  /// registers.
  private func compute<Numbers: IntegerNumbers, Heads: HeadCount>(
    _: Numbers.Type, _: Heads.Type, _ list: RowList, head: Int
  ) {
    let heads = Heads.heads
    let units = unsafe round(Numbers.self, list.encoding, head: head, heads: heads)
    let encoding = unsafe list.encoding
    let (size, groups) = (Numbers.groupSize ?? encoding.group, encoding.groups)
    let hasZeros = Numbers.groupSize == nil && encoding.scaling == .ofRowWithZero
    var row = 0
    while unsafe row < list.count {
      // Past the last row, the last key is used again; nobody reads the second sum.
      let last = unsafe min(row &+ 1, list.count &- 1)
      if head == 0 && row & 7 == 0 { unsafe list.prefetch(beside: row, count: 8) }
      var (a, b) = (ScaledSums(), ScaledSums())
      var zeros = ZeroSums()
      for index in 0..<groups {
        let first = index &* encoding.groupBytes
        let (sumsA, sumsB) = unsafe sums(
          Numbers.self, list.key(row) + first, list.key(last) + first,
          room.rounded + index &* size, width: encoding.width, size, heads: heads)
        let scales = unsafe list.scales(index)
        unsafe a.add(sumsA, times: scales[row], heads: heads)
        unsafe b.add(sumsB, times: scales[last], heads: heads)
        if hasZeros {
          unsafe zeros.add(room.groupSums + 4 &* index, times: scales + RowList.most + row)
        }
      }
      let first = multiplyAdd(
        totals(a.r0, b.r0, a.r1, b.r1), SIMD4(units.x, units.x, units.y, units.y),
        SIMD4(lowHalf: zeros.z0, highHalf: zeros.z1))
      let target = unsafe UnsafeMutableRawPointer(room.sums + (head &* RowList.most &+ row))
      unsafe target.storeBytes(of: first.lowHalf, as: SIMD2<Float>.self)
      if heads > 1 {
        unsafe target.storeBytes(
          of: first.highHalf, toByteOffset: 4 &* RowList.most, as: SIMD2<Float>.self)
      }
      if heads > 2 {
        let third = multiplyAdd(
          totals(a.r2, b.r2, a.r2, b.r2).lowHalf, SIMD2(repeating: units.z), zeros.z2)
        unsafe target.storeBytes(
          of: third, toByteOffset: 8 &* RowList.most, as: SIMD2<Float>.self)
      }
      row &+= 2
    }
  }

  /// The sums of one group of two rows with up to three queries, which are `width` integers apart.
  @inline(__always)
  private func sums<Numbers: IntegerNumbers>(
    _: Numbers.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer,
    _ queries: UnsafePointer<Int16>, width: Int, _ count: Int, heads: Int
  ) -> (KeySums, KeySums) {
    var (sumsA, sumsB) = (KeySums(), KeySums())
    var (number, offset) = (0, 0)
    while number < count {
      let (keysA, keysB) = unsafe (Numbers.load(a + offset), Numbers.load(b + offset))
      let query = unsafe queries + number
      unsafe add(keysA, keysB, query, to: &sumsA.s0, &sumsB.s0)
      if heads > 1 { unsafe add(keysA, keysB, query + width, to: &sumsA.s1, &sumsB.s1) }
      if heads > 2 { unsafe add(keysA, keysB, query + 2 &* width, to: &sumsA.s2, &sumsB.s2) }
      offset &+= Numbers.bytes
      number &+= 32
    }
    return (sumsA, sumsB)
  }

  @inline(__always)
  private func add(
    _ a: (SIMD16<Int16>, SIMD16<Int16>), _ b: (SIMD16<Int16>, SIMD16<Int16>),
    _ query: UnsafePointer<Int16>, to sumsA: inout SIMD8<Int32>, _ sumsB: inout SIMD8<Int32>
  ) {
    let bytes = unsafe UnsafeRawPointer(query)
    let first = unsafe bytes.loadUnaligned(as: SIMD16<Int16>.self)
    let second = unsafe (bytes + 32).loadUnaligned(as: SIMD16<Int16>.self)
    addProducts(a.0, first, to: &sumsA)
    addProducts(b.0, first, to: &sumsB)
    addProducts(a.1, second, to: &sumsA)
    addProducts(b.1, second, to: &sumsB)
  }

  /// Rounds the queries of up to three heads, in the order of the numbers' registers, and sums
  /// their groups.
  ///
  /// - Returns: for each head the unit times the scale of logits.
  @inline(__always)
  private func round<Numbers: IntegerNumbers>(
    _: Numbers.Type, _ encoding: RowEncoding, head: Int, heads: Int
  ) -> SIMD4<Float> {
    var units = SIMD4<Float>.zero
    for number in 0..<heads {
      let query = unsafe queries + (head &+ number) &* queryStride
      let target = unsafe room.rounded + number &* encoding.width
      units[number] = unsafe scale * round(Numbers.self, query, encoding.width, into: target)
      guard encoding.scaling == .ofRowWithZero else { continue }
      for index in 0..<encoding.groups {
        let part = unsafe query + index &* encoding.group
        unsafe room.groupSums[4 &* index &+ number] =
          scale * Kernels.total(part, count: encoding.group)
      }
    }
    return units
  }

  /// Rounds a query, and returns its unit: a NaN if some element is not finite.
  @inline(__always)
  private func round<Numbers: IntegerNumbers>(
    _: Numbers.Type, _ query: UnsafePointer<Float>, _ count: Int,
    into target: UnsafeMutablePointer<Int16>
  ) -> Float {
    let rounding = unsafe ShortRounding(query, count: count)
    guard rounding.unit.isFinite else { return .nan }
    var first = 0
    while first < count {
      let (a, b) = unsafe Numbers.order(
        rounding.sixteen(query + first), rounding.sixteen(query + first + 16))
      let place = unsafe UnsafeMutableRawPointer(target + first)
      unsafe place.storeBytes(of: a, as: SIMD16<Int16>.self)
      unsafe place.storeBytes(of: b, toByteOffset: 32, as: SIMD16<Int16>.self)
      first &+= 32
    }
    return rounding.unit
  }
}

/// Sums of a row with up to three queries, as integers.
private struct KeySums {
  var s0 = SIMD8<Int32>.zero
  var s1 = SIMD8<Int32>.zero
  var s2 = SIMD8<Int32>.zero
}

/// The same sums times the scales of groups.
private struct ScaledSums {
  private(set) var r0 = Float8.zero
  private(set) var r1 = Float8.zero
  private(set) var r2 = Float8.zero

  @inline(__always)
  mutating func add(_ sums: KeySums, times scale: Float, heads: Int) {
    let scales = Float8(repeating: scale)
    r0 = multiplyAdd(floats(sums.s0), scales, r0)
    if heads > 1 { r1 = multiplyAdd(floats(sums.s1), scales, r1) }
    if heads > 2 { r2 = multiplyAdd(floats(sums.s2), scales, r2) }
  }
}

/// What is added to the products of two rows with three queries.
private struct ZeroSums {
  private(set) var z0 = SIMD2<Float>.zero
  private(set) var z1 = SIMD2<Float>.zero
  private(set) var z2 = SIMD2<Float>.zero

  /// Adds the sums of three queries, each times the zeros of two rows.
  @unsafe @inline(__always)
  mutating func add(_ sums: UnsafePointer<Float>, times zeros: UnsafePointer<Float>) {
    let pair = unsafe UnsafeRawPointer(zeros).loadUnaligned(as: SIMD2<Float>.self)
    z0 = unsafe multiplyAdd(pair, SIMD2(repeating: sums[0]), z0)
    z1 = unsafe multiplyAdd(pair, SIMD2(repeating: sums[1]), z1)
    z2 = unsafe multiplyAdd(pair, SIMD2(repeating: sums[2]), z2)
  }
}
