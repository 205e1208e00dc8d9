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
    var s0 = Sums()
    var s1 = Sums()
    var s2 = Sums()
    var i = 0
    while i &+ 8 <= depth {
      let offset = i &* Format.elementBytes
      let keys = unsafe (
        Format.load8(k.0 + offset), Format.load8(k.1 + offset), Format.load8(k.2 + offset),
        Format.load8(k.3 + offset)
      )
      unsafe s0.add(load8(q + i), keys)
      if height > 1 { unsafe s1.add(load8(q + stride + i), keys) }
      if height > 2 { unsafe s2.add(load8(q + 2 &* stride + i), keys) }
      i &+= 8
    }
    (r0, r1, r2) = (s0.totals, s1.totals, s2.totals)
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

  /// One `q` with four `k`, by lane.
  private struct Sums {
    var k0 = Float8.zero
    var k1 = Float8.zero
    var k2 = Float8.zero
    var k3 = Float8.zero

    @inline(__always)
    mutating func add(_ q: Float8, _ k: (Float8, Float8, Float8, Float8)) {
      k0 = multiplyAdd(q, k.0, k0)
      k1 = multiplyAdd(q, k.1, k1)
      k2 = multiplyAdd(q, k.2, k2)
      k3 = multiplyAdd(q, k.3, k3)
    }

    @inline(__always)
    var totals: SIMD4<Float> { ReferenceModel.totals(k0, k1, k2, k3) }
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
