extension Kernels {
  /// Transposes up to `ProductTile.columns` rows into a packed operand: `panel[k × columns + i] =
  /// rows[i × stride + k]` for `k` below `depth`. Missing rows repeat the last row.
  @unsafe @inline(__always)
  package static func packPanel(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, depth: Int,
    into panel: UnsafeMutablePointer<Float>
  ) {
    var row = 0
    while row < ProductTile.columns {
      let first = min(row, count &- 1)
      unsafe packEight(
        rows + first &* stride, stride: stride, last: count &- 1 &- first, depth: depth,
        into: panel + row)
      row &+= 8
    }
  }

  /// Transposes eight rows; rows past row `last` repeat it.
  @unsafe @inline(never)
  private static func packEight(
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
      let columns = ProductTile.columns
      let target = unsafe panel + k &* columns
      unsafe store8(c.0, target)
      unsafe store8(c.1, target + columns)
      unsafe store8(c.2, target + 2 &* columns)
      unsafe store8(c.3, target + 3 &* columns)
      unsafe store8(c.4, target + 4 &* columns)
      unsafe store8(c.5, target + 5 &* columns)
      unsafe store8(c.6, target + 6 &* columns)
      unsafe store8(c.7, target + 7 &* columns)
      k &+= 8
    }
    while k < depth {
      let column = unsafe Float8(p0[k], p1[k], p2[k], p3[k], p4[k], p5[k], p6[k], p7[k])
      unsafe store8(column, panel + k &* ProductTile.columns)
      k &+= 1
    }
  }
}
