import KVPolicyKit

// Not called yet: `Kernels.logits` and `mixValues` decode rows to floats (`withFloats`) until the
// recorded runs pass. Then their guards call `logitsOfCodes` and `mixCodes`.

/// Products with codes, without making floats of whole keys and values.
///
/// A key's product with a query q is Σ q·(code·s + z). Where scales belong to channels they are
/// folded into the query once for a block: Σ (q·s)·code + Σ q·z. Where they belong to groups of a
/// row it is s · Σ q·code + z · Σ q for each group. A row's weight w becomes w·s, and Σ w·z is added.
extension Kernels {
  /// The logits of a lane with codes, as `logits(queries:group:rows:range:scale:into:stride:)`.
  @unsafe static func logitsOfCodes(
    queries: UnsafePointer<Float>, group: Int, rows: LaneRows, codes: LaneCodes, range: Range<Int>,
    scale: Float, into logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    var plain = unsafe rows
    unsafe plain.codes = nil
    var left = range
    while !left.isEmpty {
      let run = unsafe codes.run(of: left, value: false)
      left = unsafe run.rows.upperBound..<range.upperBound
      guard let side = unsafe run.side else {
        unsafe Kernels.logits(
          queries: queries, group: group, rows: plain, range: run.rows, scale: scale,
          into: logits, stride: stride)
        continue
      }
      unsafe side._withUnsafeGuaranteedRef { side in
        unsafe runLogits(run, side, queries, group, scale, logits + run.rows.lowerBound, stride)
      }
    }
  }

  /// The logits of a run: `logits[g·stride]` is the one of its first row.
  @unsafe private static func runLogits(
    _ run: CodeRun, _ side: CodedSide, _ queries: UnsafePointer<Float>, _ group: Int,
    _ scale: Float, _ logits: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    let (base, layout) = unsafe side.block(ofPlace: run.first)
    let block = unsafe CodeBlockRows(block: base, layout: layout)
    let first = unsafe run.first % CodedSide.placesPerBlock
    let range = unsafe first..<first + run.rows.count
    let depth = layout.width
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: group * depth) { room in
      guard let picked = room.baseAddress else { return }
      for head in 0..<group {
        unsafe pick(side.map, queries + head * side.width, depth, into: picked + head * depth)
      }
      // Kernels write the logit of row r of the block at index r.
      let target = unsafe logits - first
      if layout.scales == 0 {
        unsafe block.logits(picked, group, 0..<depth, range, scale, target, stride)
      } else if layout.format.grouping == .ofChannel {
        unsafe logitsByChannel(block, picked, group, range, scale, target, stride)
      } else {
        unsafe logitsByGroup(block, picked, group, range, scale, target, stride)
      }
    }
  }

  /// The channels of a query that keys have, each divided by its factor.
  @unsafe private static func pick(
    _ map: KeyMap?, _ query: UnsafePointer<Float>, _ depth: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    guard let map else { return unsafe target.update(from: query, count: depth) }
    for (index, channel) in map.channels.enumerated() {
      unsafe target[index] = query[channel] / (map.factors?[index] ?? 1)
    }
  }

  /// Folds the scales of a block's channels into the queries, which are overwritten.
  @unsafe private static func logitsByChannel(
    _ block: CodeBlockRows, _ queries: UnsafeMutablePointer<Float>, _ group: Int,
    _ range: Range<Int>, _ scale: Float, _ logits: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    let depth = unsafe block.layout.width
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: group) { sums in
      for head in 0..<group {
        var sum: Float = 0
        for channel in 0..<depth {
          let (step, zero) = unsafe block.scale(row: 0, group: channel)
          let query = unsafe queries[head * depth + channel]
          sum += query * zero
          unsafe queries[head * depth + channel] = query * step
        }
        unsafe sums[head] = sum * scale
      }
      unsafe block.logits(queries, group, 0..<depth, range, scale, logits, stride)
      for head in 0..<group {
        for row in range { unsafe logits[head * stride + row] += sums[head] }
      }
    }
  }

  /// Computes products with codes group by group, and scales each.
  @unsafe private static func logitsByGroup(
    _ block: CodeBlockRows, _ queries: UnsafePointer<Float>, _ group: Int, _ range: Range<Int>,
    _ scale: Float, _ logits: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    let layout = unsafe block.layout
    let (size, rows) = (layout.format.group, CodedSide.placesPerBlock)
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: group * (size + rows)) { room in
      guard let part = room.baseAddress else { return }
      let products = unsafe part + group * size
      for head in 0..<group {
        for row in range { unsafe logits[head * stride + row] = 0 }
      }
      for index in 0..<layout.scales {
        let channels = index * size..<(index + 1) * size
        for head in 0..<group {
          unsafe (part + head * size).update(
            from: queries + head * layout.width + channels.lowerBound, count: size)
        }
        unsafe block.logits(part, group, channels, range, 1, products, rows)
        for head in 0..<group {
          var sum: Float = 0
          for channel in 0..<size { unsafe sum += part[head * size + channel] }
          for row in range {
            let (step, zero) = unsafe block.scale(row: row, group: index)
            unsafe logits[head * stride + row] +=
              scale * (step * products[head * rows + row] + zero * sum)
          }
        }
      }
    }
  }

  /// Adds the weighted values of a lane with codes to `out`, as
  /// `mixValues(weights:stride:group:rows:range:adding:into:)`.
  @unsafe static func mixCodes(
    weights: UnsafePointer<Float>, stride: Int, group: Int, rows: LaneRows, codes: LaneCodes,
    range: Range<Int>, into out: UnsafeMutablePointer<Float>
  ) {
    var plain = unsafe rows
    unsafe plain.codes = nil
    var left = range
    while !left.isEmpty {
      let run = unsafe codes.run(of: left, value: true)
      left = unsafe run.rows.upperBound..<range.upperBound
      guard let side = unsafe run.side else {
        unsafe mixValues(
          weights: weights, stride: stride, group: group, rows: plain, range: run.rows,
          adding: true, into: out)
        continue
      }
      unsafe side._withUnsafeGuaranteedRef { side in
        let (base, layout) = unsafe side.block(ofPlace: run.first)
        unsafe mixRun(
          CodeBlockRows(block: base, layout: layout), run, weights + run.rows.lowerBound, stride,
          group, out)
      }
    }
  }

  /// Adds the weighted values of a run. Values that are grouped by channel, which no codec stores
  /// so, are not supported: callers decode them.
  @unsafe private static func mixRun(
    _ block: CodeBlockRows, _ run: CodeRun, _ weights: UnsafePointer<Float>, _ stride: Int,
    _ group: Int, _ out: UnsafeMutablePointer<Float>
  ) {
    let layout = unsafe block.layout
    let first = unsafe run.first % CodedSide.placesPerBlock
    let range = unsafe first..<first + run.rows.count
    guard layout.scales > 0 else {
      return unsafe block.mix(weights - first, stride, group, 0..<layout.width, range, out)
    }
    let (size, rows) = (layout.format.group, CodedSide.placesPerBlock)
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: group * (size + rows)) { room in
      guard let part = room.baseAddress else { return }
      let scaled = unsafe part + group * size
      for index in 0..<layout.scales {
        for head in 0..<group {
          var zeros: Float = 0
          for row in range {
            let (step, zero) = unsafe block.scale(row: row, group: index)
            let weight = unsafe weights[head * stride + row - first]
            unsafe scaled[head * rows + row] = weight * step
            zeros += weight * zero
          }
          unsafe (part + head * size).update(repeating: zeros, count: size)
        }
        let channels = index * size..<(index + 1) * size
        unsafe block.mix(scaled, rows, group, channels, range, part)
        for head in 0..<group {
          let target = unsafe out + head * layout.width + channels.lowerBound
          for channel in 0..<size { unsafe target[channel] += part[head * size + channel] }
        }
      }
    }
  }
}
