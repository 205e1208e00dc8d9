import KVPolicyKit

/// Products with keys that are integers with scales, without making floats of whole keys.
///
/// A key's product with a query q is Σ q·(code·s + z). Where scales belong to groups of a row it is
/// s · Σ q·code + z · Σ q for each group. Where they belong to channels, see `BlockLogits`.
extension Kernels {
  /// The logits of a lane with codes, or with rows in q8_0; as `logits`.
  @unsafe static func logitsOfLists(
    queries: UnsafePointer<Float>, group: Int, rows: LaneRows, range: Range<Int>, scale: Float,
    inIntegers: Bool, memory: UnsafeMutableBufferPointer<Float>?,
    into logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let depth = unsafe rows.headDimension
    let (width, groups) = unsafe greatest(rows, value: false)
    unsafe ListRoom.lend(heads: group, width: width, groups: groups, memory) { room in
      let whole = unsafe Queries(base: queries, stride: depth)
      let mapped = unsafe rows.codes?.keys?.map.map {
        unsafe whole.mapped(by: $0.pointee, group: group, into: room.mapped)
      }
      let job = unsafe ListLogits(
        whole: whole, mapped: mapped ?? whole, group: group, scale: scale, isInteger: inIntegers,
        logits: logits, stride: stride, room: room)
      let range = unsafe job.computeInPlace(rows, range)
      guard !range.isEmpty else { return }
      // The values of these rows are read next, and then the keys of the rows behind them.
      let end = unsafe min(range.upperBound + range.count, rows.count)
      unsafe room.queue.pointee.append(rows, range, value: true)
      unsafe room.queue.pointee.append(rows, range.upperBound..<end, value: false)
      unsafe room.queue.pointee.divide(among: range.count)
      unsafe forEachList(of: rows, range, value: false, room) { list in
        unsafe job.compute(list)
      }
    }
  }
}

/// Queries, `stride` floats apart.
@unsafe private struct Queries {
  let base: UnsafePointer<Float>
  let stride: Int

  /// The channels that keys with a map have, each divided by its factor, at `target`.
  func mapped(by map: KeyMap, group: Int, into target: UnsafeMutablePointer<Float>) -> Queries {
    let width = map.channels.count
    for head in 0..<group {
      let (query, target) = unsafe (base + head * stride, target + head * width)
      for (index, channel) in map.channels.enumerated() {
        unsafe target[index] = query[channel]
      }
      guard let factors = map.factors else { continue }
      for (index, factor) in factors.enumerated() { unsafe target[index] /= factor }
    }
    return unsafe Queries(base: target, stride: width)
  }

  /// The queries from an element on.
  func from(_ element: Int) -> Queries { unsafe Queries(base: base + element, stride: stride) }
}

/// The logits of lists of rows.
@unsafe private struct ListLogits {
  // Queries, products and sums have room for `group` heads; every list has as many numbers in a row
  // as its queries.

  let whole: Queries
  /// The queries of keys with a map.
  let mapped: Queries
  let group: Int
  let scale: Float
  /// Whether codes are multiplied in integers.
  let isInteger: Bool
  /// The logits of all rows of the lane.
  let logits: UnsafeMutablePointer<Float>
  let stride: Int
  let room: ListRoom

  /// Computes the logits of the first rows of a range where they lie in order, and returns the
  /// rest.
  func computeInPlace(_ rows: LaneRows, _ range: Range<Int>) -> Range<Int> {
    guard let blocks = unsafe FloatBlocks(rows, value: false) else { return range }
    let part = unsafe range.clamped(to: 0..<blocks.count)
    guard !part.isEmpty else { return range }
    let (queries, width) = unsafe (mapped, blocks.width)
    if unsafe blocks.isWide {
      unsafe Kernels.rowLogits(
        F32Format.self, queries.base, queryStride: queries.stride, group, blocks, part,
        depth: width, scale, logits, stride)
    } else {
      unsafe Kernels.rowLogits(
        F16Format.self, queries.base, queryStride: queries.stride, group, blocks, part,
        depth: width, scale, logits, stride)
    }
    return part.upperBound..<range.upperBound
  }

  /// Computes the logits of a list's rows.
  func compute(_ list: RowList) {
    let queries = unsafe list.encoding.isMapped ? mapped : whole
    let isInteger = unsafe isInteger && list.encoding.isInteger
    switch unsafe list.encoding.scaling {
    case .ofRow where isInteger, .ofRowWithZero where isInteger:
      unsafe IntegerLogits(
        queries: queries.base, queryStride: queries.stride, group: group, scale: scale, room: room
      ).compute(list)
    case .none: unsafe products(list, queries, into: room.sums)
    case .ofRow: unsafe addGroups(list, queries, hasZeros: false)
    case .ofRowWithZero: unsafe addGroups(list, queries, hasZeros: true)
    case .ofBlock: return unsafe computeBlock(list, queries)
    }
    unsafe deliver(list, room.sums, RowList.most)
  }

  /// Products with scales and zeros of each row's groups, at `room.sums`.
  private func addGroups(_ list: RowList, _ queries: Queries, hasZeros: Bool) {
    let most = unsafe RowList.most
    let size = unsafe list.encoding.group
    for index in unsafe 0..<list.encoding.groups {
      let part = unsafe queries.from(index &* size)
      unsafe products(list.group(index), part, into: room.products)
      let scales = unsafe list.scales(index)
      for head in unsafe 0..<group {
        let query = unsafe part.base + head &* part.stride
        let sum = unsafe hasZeros ? Kernels.total(query, count: size) * scale : 0
        let (zeroTimes, isFirst) = (FloatVector(repeating: sum), index == 0)
        let (product, target) = unsafe (room.products + head &* most, room.sums + head &* most)
        var row = 0
        while unsafe row < list.count {
          var total = unsafe isFirst ? .zero : loadVector(target + row)
          total = unsafe multiplyAdd(loadVector(scales + row), loadVector(product + row), total)
          if hasZeros {
            total = unsafe multiplyAdd(loadVector(scales + most + row), zeroTimes, total)
          }
          unsafe storeVector(total, target + row)
          row &+= vectorWidth
        }
      }
    }
  }

  /// The logits of rows that share scales.
  private func computeBlock(_ list: RowList, _ queries: Queries) {
    let block = unsafe BlockLogits(
      queries: queries.base, queryStride: queries.stride, group: group, scale: scale,
      isInteger: isInteger,
      room: room)
    let sums = unsafe block.compute(list)
    unsafe deliver(list, sums, BlockLogits.stride)
  }

  /// `scale · Σ query · number` for a group of channels of each row, `most` floats for each head.
  private func products(
    _ list: RowList, _ queries: Queries, into products: UnsafeMutablePointer<Float>
  ) {
    switch unsafe list.encoding.numbers {
    case .f32: unsafe self.products(F32Format.self, list, queries, products)
    case .f16: unsafe self.products(F16Format.self, list, queries, products)
    case .signedBytes: unsafe self.products(SignedBytes.self, list, queries, products)
    case .codes2: unsafe self.products(Codes2.self, list, queries, products)
    case .codes4: unsafe self.products(Codes4.self, list, queries, products)
    case .codes8: unsafe self.products(Codes8.self, list, queries, products)
    }
  }

  private func products<Format: LaneFormat>(
    _: Format.Type, _ list: RowList, _ queries: Queries, _ products: UnsafeMutablePointer<Float>
  ) {
    unsafe Kernels.rowLogits(
      Format.self, queries.base, queryStride: queries.stride, group, list, 0..<list.count,
      depth: list.encoding.group, scale, products, RowList.most)
  }

  /// Writes the sums to the logits of the list's rows.
  private func deliver(_ list: RowList, _ sums: UnsafePointer<Float>, _ sumStride: Int) {
    let isConsecutive = unsafe list.isConsecutive
    for head in unsafe 0..<group {
      let (sums, target) = unsafe (sums + head &* sumStride, logits + head &* stride)
      if isConsecutive {
        unsafe (target + Int(list.rows[0])).update(from: sums, count: list.count)
      } else {
        for index in unsafe 0..<list.count { unsafe target[Int(list.rows[index])] = sums[index] }
      }
    }
  }
}
