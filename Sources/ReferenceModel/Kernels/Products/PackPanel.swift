extension Kernels {
  /// Transposes up to sixteen rows into a packed operand: `panel[k × 16 + i] = rows[i × stride +
  /// k]` for `k` below `depth`. Missing rows repeat the last row.
  @unsafe @inline(__always)
  package static func packPanel(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, depth: Int,
    into panel: UnsafeMutablePointer<Float>
  ) {
    unsafe packHalf(rows, stride: stride, last: count &- 1, depth: depth, into: panel)
    let second = min(8, count &- 1)
    unsafe packHalf(
      rows + second &* stride, stride: stride, last: count &- 1 &- second, depth: depth,
      into: panel + 8)
  }

  /// Transposes eight rows; rows past row `last` repeat it.
  @unsafe @inline(never)
  private static func packHalf(
    _ rows: UnsafePointer<Float>, stride: Int, last: Int, depth: Int,
    into panel: UnsafeMutablePointer<Float>
  ) {
    let (p0, p1) = unsafe (rows, rows + min(1, last) &* stride)
    let (p2, p3) = unsafe (rows + min(2, last) &* stride, rows + min(3, last) &* stride)
    let (p4, p5) = unsafe (rows + min(4, last) &* stride, rows + min(5, last) &* stride)
    let (p6, p7) = unsafe (rows + min(6, last) &* stride, rows + min(7, last) &* stride)
    var k = 0
    while k &+ 8 <= depth {
      let c = unsafe transposed(
        (
          load8(p0 + k), load8(p1 + k), load8(p2 + k), load8(p3 + k),
          load8(p4 + k), load8(p5 + k), load8(p6 + k), load8(p7 + k)
        ))
      let target = unsafe panel + k &* 16
      unsafe store8(c.0, target)
      unsafe store8(c.1, target + 16)
      unsafe store8(c.2, target + 32)
      unsafe store8(c.3, target + 48)
      unsafe store8(c.4, target + 64)
      unsafe store8(c.5, target + 80)
      unsafe store8(c.6, target + 96)
      unsafe store8(c.7, target + 112)
      k &+= 8
    }
    while k < depth {
      let column = unsafe Float8(p0[k], p1[k], p2[k], p3[k], p4[k], p5[k], p6[k], p7[k])
      unsafe store8(column, panel + k &* 16)
      k &+= 1
    }
  }
}
