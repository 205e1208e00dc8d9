import KVPolicyKit

extension Kernels {
  /// The logits of one lane: `logits[g·stride + r] = scale · q_g · k_r` for `r` in `range`.
  ///
  /// `queries` holds the `group` query heads that share the lane, `group × headDimension`. Nothing
  /// is written outside `range`. With `inIntegers`, products with keys that are integers are sums
  /// of integers: see `IntegerLogits`. Rows that are codes need memory, which is that of `memory`
  /// or is allocated.
  @unsafe package static func logits(
    queries: UnsafePointer<Float>, group: Int, rows: LaneRows, range: Range<Int>, scale: Float,
    inIntegers: Bool = false, memory: UnsafeMutableBufferPointer<Float>? = nil,
    into logits: UnsafeMutablePointer<Float>, stride: Int
  ) {
    precondition(unsafe range.upperBound <= rows.count, "only live rows have logits")
    guard unsafe rows.codes?.keys == nil else {
      return unsafe logitsOfLists(
        queries: queries, group: group, rows: rows, range: range, scale: scale,
        inIntegers: inIntegers, memory: memory, into: logits, stride: stride)
    }
    switch unsafe rows.format {
    case .f32:
      unsafe laneLogits(F32Format.self, queries, group, rows, range, scale, logits, stride)
    case .f16:
      unsafe laneLogits(F16Format.self, queries, group, rows, range, scale, logits, stride)
    case .q8_0:
      unsafe logitsOfLists(
        queries: queries, group: group, rows: rows, range: range, scale: scale,
        inIntegers: inIntegers, memory: memory, into: logits, stride: stride)
    }
  }

  @unsafe private static func laneLogits<Format: LaneFormat>(
    _: Format.Type, _ queries: UnsafePointer<Float>, _ group: Int, _ rows: LaneRows,
    _ range: Range<Int>, _ scale: Float, _ logits: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    let depth = unsafe rows.headDimension
    unsafe rowLogits(
      Format.self, queries, queryStride: depth, group, rows, range, depth: depth, scale, logits,
      stride)
  }

  /// The logits of rows wherever they are: products of `depth` numbers with queries that are
  /// `queryStride` floats apart.
  @unsafe @inline(never)
  static func rowLogits<Format: LaneFormat, Rows: RowAddresses>(
    _: Format.Type, _ queries: UnsafePointer<Float>, queryStride: Int, _ group: Int, _ rows: Rows,
    _ range: Range<Int>, depth: Int, _ scale: Float, _ logits: UnsafeMutablePointer<Float>,
    _ stride: Int
  ) {
    var row = range.lowerBound
    while row < range.upperBound {
      let last = range.upperBound &- 1
      let (second, third) = (min(row &+ 1, last), min(row &+ 2, last))
      // Past the last row, the last key is used again; the products with it are not stored.
      let keys = unsafe (rows.key(row), rows.key(second), rows.key(third))
      unsafe rows.prefetch(beside: row, count: 3)
      var head = 0
      while head < group {
        let q = unsafe queries + head &* queryStride
        let target = unsafe logits + (head &* stride &+ row)
        unsafe storeDots(
          Format.self, height: group &- head, q: q, qStride: queryStride, k: keys, depth: depth,
          scale: scale, into: target, stride: stride, room: range.upperBound &- row)
        head &+= DotTile.height
      }
      row &+= DotTile.width
    }
  }

  /// Computes and stores one tile of products: `min(height, 3)` queries with `min(room, 3)` keys.
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

/// Up to three vectors `q` against three vectors `k`: nine dot products at once, in nine registers.
///
/// Each product is summed in the elements of a vector over the depth, so both operands are read as
/// they lie in memory. No product depends on the other eight. With a fourth `k` all sixteen
/// registers of AVX2 would be taken. The compiler would then keep a sum in memory, and every step
/// would wait for the sum to come back.
struct DotTile {
  /// Vectors `q` in a full tile.
  static let height = 3
  /// Vectors `k` in a tile.
  static let width = 3

  /// `q · k` for the three `k`, one variable for each `q`; the last vector element has no meaning.
  private(set) var r0 = SIMD4<Float>.zero
  private(set) var r1 = SIMD4<Float>.zero
  private(set) var r2 = SIMD4<Float>.zero

  /// Multiplies the first `height` vectors at `q`, which are `stride` floats apart, by the three
  /// vectors at `k`, all of `depth` elements. `height` is a literal at each use.
  @unsafe @inline(__always)
  init<Format: LaneFormat>(
    _: Format.Type, height: Int, q: UnsafePointer<Float>, stride: Int,
    k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), depth: Int
  ) {
    var c0 = Column()
    var c1 = Column()
    var c2 = Column()
    var i = 0
    while i &+ vectorWidth <= depth {
      let q0 = unsafe loadVector(q + i)
      let q1 = unsafe height > 1 ? loadVector(q + stride + i) : q0
      let q2 = unsafe height > 2 ? loadVector(q + 2 &* stride + i) : q0
      unsafe c0.add(Format.loadVector(k.0, at: i), q0, q1, q2, height: height)
      unsafe c1.add(Format.loadVector(k.1, at: i), q0, q1, q2, height: height)
      unsafe c2.add(Format.loadVector(k.2, at: i), q0, q1, q2, height: height)
      i &+= vectorWidth
    }
    r0 = totals(c0.r0, c1.r0, c2.r0, c2.r0)
    if height > 1 { r1 = totals(c0.r1, c1.r1, c2.r1, c2.r1) }
    if height > 2 { r2 = totals(c0.r2, c1.r2, c2.r2, c2.r2) }
    while i < depth {
      let keys = unsafe SIMD4(
        Format.load(k.0, at: i), Format.load(k.1, at: i), Format.load(k.2, at: i), 0)
      unsafe r0 += keys * q[i]
      if height > 1 { unsafe r1 += keys * q[stride &+ i] }
      if height > 2 { unsafe r2 += keys * q[2 &* stride &+ i] }
      i &+= 1
    }
  }

  /// Sums of one `k` with up to three `q`, in the elements of vectors.
  private struct Column {
    var r0 = FloatVector.zero
    var r1 = FloatVector.zero
    var r2 = FloatVector.zero

    @inline(__always)
    mutating func add(
      _ k: FloatVector, _ q0: FloatVector, _ q1: FloatVector, _ q2: FloatVector, height: Int
    ) {
      r0 = multiplyAdd(k, q0, r0)
      if height > 1 { r1 = multiplyAdd(k, q1, r1) }
      if height > 2 { r2 = multiplyAdd(k, q2, r2) }
    }
  }
}

/// Writes `scale · products` to the first `min(room, 3)` floats at `c`. If `room` is 4 or more, a
/// fourth float is overwritten too; the next tile writes it.
@unsafe @inline(__always)
func store3(
  _ products: SIMD4<Float>, scale: Float, _ c: UnsafeMutablePointer<Float>, room: Int
) {
  let scaled = products * scale
  if room >= 4 {
    // Storing three floats would make the compiler take `totals` apart, element by element.
    unsafe UnsafeMutableRawPointer(c).storeBytes(of: scaled, as: SIMD4<Float>.self)
  } else {
    for lane in 0..<min(room, 3) { unsafe c[lane] = scaled[lane] }
  }
}
