import KVPolicyKit

/// Logits of keys that are integers, by products of integers.
///
/// A query is rounded to 16 bits: an element is approximately `unit · integer`, where `unit` is
/// 1/32767 of the query's greatest magnitude. Sums of products are exact in 32 bits, so no result
/// depends on their order. Sums of queries, which zeros are multiplied with, are not rounded.
@unsafe struct IntegerLogits {
  // Rows have `groups` groups of a multiple of 32 numbers; `rounded` has room for the heads of a
  // tile, `groupSums` for four floats for each group, and sums and queries for `group` heads.

  /// Whether the numbers of an encoding can be multiplied in integers.
  static func serves(_ encoding: RowEncoding) -> Bool {
    guard encoding.group.isMultiple(of: 32) else { return false }
    return switch encoding.numbers {
    case .f32, .f16: false
    case .signedBytes, .codes2, .codes4, .codes8: true
    }
  }

  /// The queries, with the scales of a block if there are such.
  let queries: UnsafePointer<Float>
  let queryStride: Int
  let group: Int
  let scale: Float
  /// What is added to each head's products; nil for nothing.
  let constants: UnsafePointer<Float>?
  let room: ListRoom

  /// Computes the logits of a list's rows, at `room.sums`.
  func compute(_ list: RowList) {
    switch unsafe list.encoding.numbers {
    case .signedBytes: unsafe compute(SignedBytes.self, list)
    case .codes2: unsafe compute(Codes2.self, list)
    case .codes4: unsafe compute(Codes4.self, list)
    case .codes8: unsafe compute(Codes8.self, list)
    // A list of floats does not come here: `serves(_:)` is asked before.
    case .f32, .f16: preconditionFailure("floats are multiplied as floats")
    }
  }

  private func compute<Numbers: IntegerNumbers>(_: Numbers.Type, _ list: RowList) {
    var head = 0
    while unsafe head < group {
      switch unsafe group &- head {
      case 1: unsafe compute(Numbers.self, list, head: head, heads: 1)
      case 2: unsafe compute(Numbers.self, list, head: head, heads: 2)
      default: unsafe compute(Numbers.self, list, head: head, heads: 3)
      }
      head &+= 3
    }
  }

  /// Computes the logits of `heads` heads, a literal at each use.
  @inline(__always)
  private func compute<Numbers: IntegerNumbers>(
    _: Numbers.Type, _ list: RowList, head: Int, heads: Int
  ) {
    let (units, added) = unsafe round(Numbers.self, list.encoding, head: head, heads: heads)
    let (scaling, width) = unsafe (list.encoding.scaling, list.encoding.width)
    let (q0, q1, q2) = unsafe (room.rounded, room.rounded + width, room.rounded + 2 &* width)
    for row in unsafe 0..<list.count {
      var (r0, r1, r2) = (Float8.zero, Float8.zero, Float8.zero)
      var zeros = added
      for index in unsafe 0..<list.encoding.groups {
        var (s0, s1, s2) = (SIMD8<Int32>.zero, SIMD8<Int32>.zero, SIMD8<Int32>.zero)
        var p = unsafe list.key(row) + index &* list.encoding.groupBytes
        var number = unsafe index &* list.encoding.group
        let end = unsafe number &+ list.encoding.group
        while number < end {
          let keys = unsafe Numbers.load(p)
          unsafe add(keys, q0 + number, to: &s0)
          if heads > 1 { unsafe add(keys, q1 + number, to: &s1) }
          if heads > 2 { unsafe add(keys, q2 + number, to: &s2) }
          unsafe p += Numbers.bytes
          number &+= 32
        }
        let scales = unsafe list.scales(index)
        let scale = unsafe Float8(repeating: scaling == .ofBlock ? 1 : scales[row])
        r0 = multiplyAdd(floats(s0), scale, r0)
        if heads > 1 { r1 = multiplyAdd(floats(s1), scale, r1) }
        if heads > 2 { r2 = multiplyAdd(floats(s2), scale, r2) }
        if scaling == .ofRowWithZero {
          let sums = unsafe UnsafeRawPointer(room.groupSums + 4 &* index)
          zeros = unsafe multiplyAdd(
            sums.loadUnaligned(as: SIMD4<Float>.self),
            SIMD4(repeating: scales[RowList.most &+ row]), zeros)
        }
      }
      let products = multiplyAdd(totals(r0, r1, r2, r2), units, zeros)
      let target = unsafe room.sums + (head &* RowList.most &+ row)
      unsafe target[0] = products.x
      if heads > 1 { unsafe target[RowList.most] = products.y }
      if heads > 2 { unsafe target[2 &* RowList.most] = products.z }
    }
  }

  @inline(__always)
  private func add(
    _ keys: (SIMD16<Int16>, SIMD16<Int16>), _ query: UnsafePointer<Int16>,
    to sums: inout SIMD8<Int32>
  ) {
    let q = unsafe UnsafeRawPointer(query)
    unsafe addProducts(keys.0, q.loadUnaligned(as: SIMD16<Int16>.self), to: &sums)
    unsafe addProducts(keys.1, (q + 32).loadUnaligned(as: SIMD16<Int16>.self), to: &sums)
  }

  /// Rounds the queries of up to three heads, in the order of the numbers' registers, and sums
  /// their groups.
  ///
  /// - Returns: for each head the unit, and what is added, both times the scale of logits.
  @inline(__always)
  private func round<Numbers: IntegerNumbers>(
    _: Numbers.Type, _ encoding: RowEncoding, head: Int, heads: Int
  ) -> (units: SIMD4<Float>, added: SIMD4<Float>) {
    var (units, added) = (SIMD4<Float>.zero, SIMD4<Float>.zero)
    for number in 0..<heads {
      let query = unsafe queries + (head &+ number) &* queryStride
      let target = unsafe room.rounded + number &* encoding.width
      units[number] = unsafe scale * round(Numbers.self, query, encoding.width, into: target)
      if let constants = unsafe constants { added[number] = unsafe constants[head &+ number] }
      guard encoding.scaling == .ofRowWithZero else { continue }
      for index in 0..<encoding.groups {
        let part = unsafe query + index &* encoding.group
        unsafe room.groupSums[4 &* index &+ number] =
          scale * Kernels.total(part, count: encoding.group)
      }
    }
    return (units, added)
  }

  /// Rounds a query, and returns its unit: a NaN if some element is not finite.
  @inline(__always)
  private func round<Numbers: IntegerNumbers>(
    _: Numbers.Type, _ query: UnsafePointer<Float>, _ count: Int,
    into target: UnsafeMutablePointer<Int16>
  ) -> Float {
    guard unsafe Kernels.isFinite(query, count: count) else { return .nan }
    let top = unsafe Kernels.greatestMagnitude(query, count: count)
    // Below 2⁻¹⁰⁰ the inverse might be infinite.
    let inverse = top < 0x1p-100 ? 0 : 32_767 / top
    let factor = Float8(repeating: inverse)
    var first = 0
    while first < count {
      let (a, b) = unsafe Numbers.order(
        rounded(query + first, times: factor), rounded(query + first + 16, times: factor))
      let place = unsafe UnsafeMutableRawPointer(target + first)
      unsafe place.storeBytes(of: a, as: SIMD16<Int16>.self)
      unsafe place.storeBytes(of: b, toByteOffset: 32, as: SIMD16<Int16>.self)
      first &+= 32
    }
    return inverse == 0 ? 0 : top / 32_767
  }
}
