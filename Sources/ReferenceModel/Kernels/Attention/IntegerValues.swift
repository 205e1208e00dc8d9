import KVPolicyKit

/// Weighted sums of values that are integers, by products of integers.
///
/// The weights of a list's rows, times the rows' scales, are rounded to 16 bits: a weight is
/// approximately `unit · integer`. Numbers of two rows lie side by side in a word, and are
/// multiplied with the weights of both rows at once. Each word of a register is the sum of one
/// channel:
///
/// ```text
///            channel 0  channel 1 … channel 31
///   row a       n          n           n       × wₐ ┐ for three heads
///   row b       n          n           n       × w_b ┘
/// ```
///
/// Sums of products are exact in 32 bits, because a list has at most `RowList.most` = 128 rows
/// and a number is at most 255 in size. So no result depends on their order.
@unsafe struct IntegerValues {
  // Groups have a multiple of 32 numbers. `room.rounded` has the weights of `group` heads, times
  // scales: `most` integers for each head, 0 behind the last row. `room.units` has their units.

  let group: Int
  /// Floats from one head's sums to the next head's.
  let width: Int
  let room: ListRoom

  /// Adds the numbers of a group of each row of a list, times the weights, to `out`.
  func add(_ list: RowList, into out: UnsafeMutablePointer<Float>) {
    switch unsafe list.encoding.numbers {
    case .signedBytes: unsafe add(SignedBytes.self, list, out)
    case .codes2: unsafe add(Codes2.self, list, out)
    case .codes4: unsafe add(Codes4.self, list, out)
    case .codes8: unsafe add(Codes8.self, list, out)
    // A list of floats does not come here: the encoding is asked before.
    case .f32, .f16: preconditionFailure("floats are multiplied as floats")
    }
  }

  private func add<Numbers: PairedNumbers>(
    _: Numbers.Type, _ list: RowList, _ out: UnsafeMutablePointer<Float>
  ) {
    var head = 0
    while unsafe head < group {
      switch unsafe group &- head {
      case 1: unsafe add(Numbers.self, OneHead.self, list, head, out)
      case 2: unsafe add(Numbers.self, TwoHeads.self, list, head, out)
      default: unsafe add(Numbers.self, ThreeHeads.self, list, head, out)
      }
      head &+= 3
    }
  }

  private func add<Numbers: PairedNumbers, Heads: HeadCount>(
    _: Numbers.Type, _: Heads.Type, _ list: RowList, _ head: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let units = unsafe room.units + head
    var (number, offset) = (0, 0)
    while unsafe number < list.encoding.group {
      let a = unsafe sums(Numbers.self, Heads.self, list, head, offset, part: 0)
      let b =
        unsafe PairedSums.parts == 1
        ? a : sums(Numbers.self, Heads.self, list, head, offset, part: 1)
      let target = unsafe out + (head &* width &+ number)
      unsafe deliver(Numbers.self, a.0, b.0, times: units[0].unit, to: target)
      if Heads.heads > 1 {
        unsafe deliver(Numbers.self, a.1, b.1, times: units[1].unit, to: target + width)
      }
      if Heads.heads > 2 {
        unsafe deliver(Numbers.self, a.2, b.2, times: units[2].unit, to: target + 2 &* width)
      }
      offset &+= Numbers.bytes
      number &+= 32
    }
  }

  /// A part of the sums of 32 channels for up to three heads: two rows at a time. Behind an odd
  /// number of rows the last row is used again, with weight 0.
  @inline(__always)
  private func sums<Numbers: PairedNumbers, Heads: HeadCount>(
    _: Numbers.Type, _: Heads.Type, _ list: RowList, _ head: Int, _ offset: Int,
    part: Int
  ) -> (PairedSums, PairedSums, PairedSums) {
    var (s0, s1, s2) = (PairedSums(), PairedSums(), PairedSums())
    let most = unsafe RowList.most
    var own = unsafe UnsafePointer(room.rounded + head &* most)
    let last = unsafe list.count &- 1
    var row = 0
    while row <= last {
      let a = unsafe list.value(row) + offset
      let b = unsafe list.value(min(row &+ 1, last)) + offset
      let pairs = unsafe Numbers.pairs(part, a, b)
      unsafe s0.add(pairs, times: own)
      if Heads.heads > 1 { unsafe s1.add(pairs, times: own + most) }
      if Heads.heads > 2 { unsafe s2.add(pairs, times: own + 2 &* most) }
      unsafe own += 2
      row &+= 2
    }
    return (s0, s1, s2)
  }

  /// Adds the sums of 32 channels to their places.
  @inline(__always)
  private func deliver<Numbers: PairedNumbers>(
    _: Numbers.Type, _ first: PairedSums, _ last: PairedSums, times unit: Float,
    to target: UnsafeMutablePointer<Float>
  ) {
    let new = Numbers.inOrder(PairedSums.eights(first, last))
    let units = Float8(repeating: unit)
    unsafe store8(multiplyAdd(new.0, units, load8(target)), target)
    unsafe store8(multiplyAdd(new.1, units, load8(target + 8)), target + 8)
    unsafe store8(multiplyAdd(new.2, units, load8(target + 16)), target + 16)
    unsafe store8(multiplyAdd(new.3, units, load8(target + 24)), target + 24)
  }
}
