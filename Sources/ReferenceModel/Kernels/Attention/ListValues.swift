import KVPolicyKit

/// Sums of values that are integers with scales, without making floats of whole values.
///
/// A value is code·s + z, so its part of a sum is (w·s)·code + w·z for its attention weight w: both
/// factors are computed once for each group of a row.
extension Kernels {
  /// Adds the weighted values of a lane with codes, or with rows in q8_0, to `out`; as `mixValues`.
  @unsafe static func mixLists(
    weights: UnsafePointer<Float>, stride: Int, group: Int, rows: LaneRows, range: Range<Int>,
    inIntegers: Bool, memory: UnsafeMutableBufferPointer<Float>?,
    into out: UnsafeMutablePointer<Float>
  ) {
    let range = unsafe mixInPlace(weights, stride, group, rows, range, out)
    guard !range.isEmpty else { return }
    let (width, groups) = unsafe greatest(rows, value: true)
    unsafe ListRoom.lend(heads: group, width: width, groups: groups, memory) { room in
      let job = unsafe ListValues(
        weights: weights, stride: stride, group: group, isInteger: inIntegers, out: out,
        width: width, room: room)
      unsafe forEachList(of: rows, range, value: true, room) { list in unsafe job.add(list) }
    }
  }

  /// Adds the weighted values of the first rows of a range where they lie in order, and returns the
  /// rest.
  @unsafe private static func mixInPlace(
    _ weights: UnsafePointer<Float>, _ stride: Int, _ group: Int, _ rows: LaneRows,
    _ range: Range<Int>, _ out: UnsafeMutablePointer<Float>
  ) -> Range<Int> {
    guard let blocks = unsafe FloatBlocks(rows, value: true) else { return range }
    let part = unsafe range.clamped(to: 0..<blocks.count)
    guard !part.isEmpty else { return range }
    let depth = unsafe blocks.width
    if unsafe blocks.isWide {
      unsafe mixRows(
        F32Format.self, weights, stride, group, blocks, part, depth: depth, out, outStride: depth)
    } else {
      unsafe mixRows(
        F16Format.self, weights, stride, group, blocks, part, depth: depth, out, outStride: depth)
    }
    return part.upperBound..<range.upperBound
  }
}

/// The weighted sums of lists of values.
@unsafe private struct ListValues {
  // `out` and the weights have `group` heads; every list has values of `width` numbers.

  /// The attention weights of all rows of the lane.
  let weights: UnsafePointer<Float>
  let stride: Int
  let group: Int
  /// Whether codes are multiplied in integers.
  let isInteger: Bool
  let out: UnsafeMutablePointer<Float>
  let width: Int
  let room: ListRoom

  /// Adds a list's values, each times its weight.
  func add(_ list: RowList) {
    unsafe gatherWeights(list)
    switch unsafe list.encoding.scaling {
    case .none: unsafe mix(list, room.sums, into: out)
    case .ofRow: unsafe addGroups(list, hasZeros: false)
    case .ofRowWithZero: unsafe addGroups(list, hasZeros: true)
    // `RowEncoding` has no values that share scales: they come as floats.
    case .ofBlock: preconditionFailure("values have scales of their own")
    }
  }

  /// Copies the weights of the list's rows to `room.sums`, and zeros behind them up to a whole
  /// vector.
  private func gatherWeights(_ list: RowList) {
    let (count, isConsecutive) = unsafe (list.count, list.isConsecutive)
    let end = (count + vectorWidth - 1) / vectorWidth * vectorWidth
    for head in unsafe 0..<group {
      let (source, target) = unsafe (weights + head &* stride, room.sums + head &* RowList.most)
      if isConsecutive {
        unsafe target.update(from: source + Int(list.rows[0]), count: count)
      } else {
        for index in 0..<count { unsafe target[index] = source[Int(list.rows[index])] }
      }
      for index in count..<end { unsafe target[index] = 0 }
    }
  }

  /// Adds values with scales, and perhaps zeros, of each row's groups.
  @inline(__always)
  private func addGroups(_ list: RowList, hasZeros: Bool) {
    let size = unsafe list.encoding.group
    let inIntegers = unsafe isInteger && list.encoding.isInteger
    for index in unsafe 0..<list.encoding.groups {
      let target = unsafe out + index &* size
      let scales = unsafe list.scales(index)
      for head in unsafe 0..<group {
        let (zeros, top) = unsafe scaleWeights(head, scales, list.count, hasZeros: hasZeros)
        if hasZeros { unsafe Kernels.add(zeros, to: target + head &* width, count: size) }
        if inIntegers { unsafe round(head, list.count, top) }
      }
      if inIntegers {
        unsafe IntegerValues(group: group, width: width, room: room)
          .add(list.group(index), into: target)
      } else {
        unsafe mix(list.group(index), room.products, into: target)
      }
    }
  }

  /// Multiplies a head's weights with the rows' scales of a group, into `room.products`.
  ///
  /// - Returns: the weighted sum of the zeros, and the greatest magnitude of the products.
  @inline(__always)
  private func scaleWeights(
    _ head: Int, _ scales: UnsafePointer<Float>, _ count: Int, hasZeros: Bool
  ) -> (zeros: Float, top: GreatestMagnitude) {
    let most = unsafe RowList.most
    let (weight, scaled) = unsafe (room.sums + head &* most, room.products + head &* most)
    var (zeros, top) = (FloatVector.zero, GreatestMagnitude())
    var row = 0
    while row < count {
      let w = unsafe loadVector(weight + row)
      let product = unsafe w * loadVector(scales + row)
      unsafe storeVector(product, scaled + row)
      top.add(product)
      if hasZeros { zeros = unsafe multiplyAdd(w, loadVector(scales + most + row), zeros) }
      row &+= vectorWidth
    }
    return (hasZeros ? zeros.total : 0, top)
  }

  /// Rounds a head's scaled weights for integers.
  @inline(__always)
  private func round(_ head: Int, _ count: Int, _ top: GreatestMagnitude) {
    let (rounding, most) = unsafe (ShortRounding(top), RowList.most)
    // Up to a whole vector, behind which no weight is read.
    let end = (count &+ vectorWidth &- 1) / vectorWidth &* vectorWidth
    unsafe rounding.round(
      room.products + head &* most, count: end, into: room.rounded + head &* most)
    unsafe room.units[head].unit = rounding.unit
  }

  /// Adds the numbers of a group of channels of each row, times weights that have `most` floats for
  /// each head.
  private func mix(
    _ list: RowList, _ weights: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>
  ) {
    switch unsafe list.encoding.numbers {
    case .f32: unsafe mix(F32Format.self, list, weights, out)
    case .f16: unsafe mix(F16Format.self, list, weights, out)
    case .signedBytes: unsafe mix(SignedBytes.self, list, weights, out)
    case .codes2: unsafe mix(Codes2.self, list, weights, out)
    case .codes4: unsafe mix(Codes4.self, list, weights, out)
    case .codes8: unsafe mix(Codes8.self, list, weights, out)
    }
  }

  private func mix<Format: LaneFormat>(
    _: Format.Type, _ list: RowList, _ weights: UnsafePointer<Float>,
    _ out: UnsafeMutablePointer<Float>
  ) {
    unsafe Kernels.mixRows(
      Format.self, weights, RowList.most, group, list, 0..<list.count, depth: list.encoding.group,
      out, outStride: width)
  }
}
