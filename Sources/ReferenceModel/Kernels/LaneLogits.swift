import KVPolicyKit

extension Kernels {
  /// The logits of one lane: `logits[g·stride + r] = scale · q_g · k_r` for `r` in `range`.
  ///
  /// `queries` holds the `group` query heads that share the lane, `group × headDimension`. Nothing
  /// is written outside `range`.
  @unsafe package static func logits(
    queries: UnsafePointer<Float>, group: Int, rows: LaneRows, range: Range<Int>, scale: Float,
    into logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have logits")
    switch unsafe rows.format {
    case .f32:
      unsafe laneLogits(F32Format.self, queries, group, rows, range, scale, logits, stride)
    case .f16:
      unsafe laneLogits(F16Format.self, queries, group, rows, range, scale, logits, stride)
    case .q8_0:
      unsafe laneLogits(Q8Rows.self, queries, group, rows, range, scale, logits, stride)
    }
  }

  @unsafe @inline(never)
  private static func laneLogits<Format: LaneFormat>(
    _: Format.Type, _ queries: UnsafePointer<Float>, _ group: Int, _ rows: LaneRows,
    _ range: Range<Int>, _ scale: Float, _ logits: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    let depth = unsafe rows.headDimension
    var row = range.lowerBound
    while row < range.upperBound {
      let last = range.upperBound &- 1
      let (second, third) = (min(row &+ 1, last), min(row &+ 2, last))
      // Past the last row its key stands in; the products are not stored.
      let keys = unsafe (rows.key(row), rows.key(second), rows.key(third))
      // Values are read when the run has its logits; keys by a tile that memory has time to answer before.
      unsafe rows.askForValues(row, second, third)
      unsafe rows.askForKeys(row &+ 32)
      var head = 0
      while head < group {
        let q = unsafe queries + head &* depth
        let target = unsafe logits + (head &* stride &+ row)
        unsafe storeDots(
          Format.self, height: group &- head, q: q, qStride: depth, k: keys, depth: depth,
          scale: scale, into: target, stride: stride, room: range.upperBound &- row)
        head &+= DotTile.height
      }
      row &+= DotTile.width
    }
  }

  /// One tile of products: `min(height, 3)` rows of three, or of `room` if that is less.
  @unsafe @inline(__always)
  static func storeDots<Format: LaneFormat>(
    _: Format.Type, height: Int, q: UnsafePointer<Float>, qStride: Int,
    k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), depth: Int,
    scale: Float, into c: UnsafeMutablePointer<Float>, stride: Int, room: Int
  ) {
    if height >= 3 {
      let tile = unsafe DotTile(Format.self, height: 3, q: q, stride: qStride, k: k, depth: depth)
      unsafe store3(tile.r0, scale: scale, c, room: room)
      unsafe store3(tile.r1, scale: scale, c + stride, room: room)
      unsafe store3(tile.r2, scale: scale, c + 2 &* stride, room: room)
    } else if height == 2 {
      let tile = unsafe DotTile(Format.self, height: 2, q: q, stride: qStride, k: k, depth: depth)
      unsafe store3(tile.r0, scale: scale, c, room: room)
      unsafe store3(tile.r1, scale: scale, c + stride, room: room)
    } else {
      let tile = unsafe DotTile(Format.self, height: 1, q: q, stride: qStride, k: k, depth: depth)
      unsafe store3(tile.r0, scale: scale, c, room: room)
    }
  }
}
