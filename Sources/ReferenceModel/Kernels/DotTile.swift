/// Up to three vectors `q` against four vectors `k`: twelve dot products at once, in twelve registers.
///
/// Each is a sum by lane over the depth, so both sides are read as they lie in memory; what one
/// gives does not depend on the others.
struct DotTile {
  /// Vectors `q` in a full tile.
  static let height = 3
  /// Vectors `k`.
  static let width = 4

  /// `q · k` for `k` 0...3, for each `q`.
  private(set) var r0 = SIMD4<Float>.zero
  private(set) var r1 = SIMD4<Float>.zero
  private(set) var r2 = SIMD4<Float>.zero

  /// The first `height` vectors at `q`, which are `stride` floats apart, with the four vectors at
  /// `k`, all of `depth` elements. `height` is a literal at each use.
  @unsafe @inline(__always)
  init<Format: FloatFormat>(
    _: Format.Type, height: Int, q: UnsafePointer<Float>, stride: Int,
    k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), depth: Int
  ) {
    var c0 = Column()
    var c1 = Column()
    var c2 = Column()
    var c3 = Column()
    var i = 0
    while i &+ 8 <= depth {
      let offset = i &* Format.elementBytes
      // The queries stay in three registers and the keys pass through one: with the twelve sums
      // that is all sixteen, and nothing goes through memory.
      let q0 = unsafe load8(q + i)
      let q1 = unsafe height > 1 ? load8(q + stride + i) : q0
      let q2 = unsafe height > 2 ? load8(q + 2 &* stride + i) : q0
      unsafe c0.add(Format.load8(k.0 + offset), q0, q1, q2, height: height)
      unsafe c1.add(Format.load8(k.1 + offset), q0, q1, q2, height: height)
      unsafe c2.add(Format.load8(k.2 + offset), q0, q1, q2, height: height)
      unsafe c3.add(Format.load8(k.3 + offset), q0, q1, q2, height: height)
      i &+= 8
    }
    r0 = totals(c0.r0, c1.r0, c2.r0, c3.r0)
    if height > 1 { r1 = totals(c0.r1, c1.r1, c2.r1, c3.r1) }
    if height > 2 { r2 = totals(c0.r2, c1.r2, c2.r2, c3.r2) }
    while i < depth {
      let offset = i &* Format.elementBytes
      let keys = unsafe SIMD4(
        Format.load(k.0 + offset), Format.load(k.1 + offset), Format.load(k.2 + offset),
        Format.load(k.3 + offset))
      unsafe r0 += keys * q[i]
      if height > 1 { unsafe r1 += keys * q[stride &+ i] }
      if height > 2 { unsafe r2 += keys * q[2 &* stride &+ i] }
      i &+= 1
    }
  }

  /// The same for `k` in blocks of 32 with a scale, of which `depth` is a multiple.
  @unsafe @inline(__always)
  init(
    blocks k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer),
    height: Int, q: UnsafePointer<Float>, stride: Int, depth: Int
  ) {
    var c0 = Column()
    var c1 = Column()
    var c2 = Column()
    var c3 = Column()
    var i = 0
    while i < depth {
      // The sixteen registers are taken as above, so the scales are read from memory again and again.
      let k0 = unsafe Q8Rows.block(k.0, at: i)
      let k1 = unsafe Q8Rows.block(k.1, at: i)
      let k2 = unsafe Q8Rows.block(k.2, at: i)
      let k3 = unsafe Q8Rows.block(k.3, at: i)
      var j = 0
      while j < 32 {
        let p = unsafe q + (i &+ j)
        let q0 = unsafe load8(p)
        let q1 = unsafe height > 1 ? load8(p + stride) : q0
        let q2 = unsafe height > 2 ? load8(p + 2 &* stride) : q0
        unsafe c0.add(Q8Rows.load8(k0, at: j), q0, q1, q2, height: height)
        unsafe c1.add(Q8Rows.load8(k1, at: j), q0, q1, q2, height: height)
        unsafe c2.add(Q8Rows.load8(k2, at: j), q0, q1, q2, height: height)
        unsafe c3.add(Q8Rows.load8(k3, at: j), q0, q1, q2, height: height)
        j &+= 8
      }
      i &+= 32
    }
    r0 = totals(c0.r0, c1.r0, c2.r0, c3.r0)
    if height > 1 { r1 = totals(c0.r1, c1.r1, c2.r1, c3.r1) }
    if height > 2 { r2 = totals(c0.r2, c1.r2, c2.r2, c3.r2) }
  }

  /// One `k` with up to three `q`, by lane.
  private struct Column {
    var r0 = Float8.zero
    var r1 = Float8.zero
    var r2 = Float8.zero

    @inline(__always)
    mutating func add(_ k: Float8, _ q0: Float8, _ q1: Float8, _ q2: Float8, height: Int) {
      r0 = multiplyAdd(k, q0, r0)
      if height > 1 { r1 = multiplyAdd(k, q1, r1) }
      if height > 2 { r2 = multiplyAdd(k, q2, r2) }
    }
  }
}

/// Writes `scale · products` to the first `count ≤ 4` floats at `c`.
@unsafe @inline(__always)
func store4(
  _ products: SIMD4<Float>, scale: Float, _ c: UnsafeMutablePointer<Float>, count: Int
) {
  let scaled = products * scale
  if count == 4 {
    unsafe UnsafeMutableRawPointer(c).storeBytes(of: scaled, as: SIMD4<Float>.self)
  } else {
    for lane in 0..<count { unsafe c[lane] = scaled[lane] }
  }
}
