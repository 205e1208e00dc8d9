/// Six rows by two registers of columns of a product: sixteen columns, or 32 with AVX-512. The
/// products are held in twelve registers.
///
/// One step of the inner loop loads two vectors of `B` and six floats of `A`, and does twelve
/// multiply-adds: the loads fit beside the arithmetic. Every element is a sum over `k` in order,
/// whichever tile contains it.
@usableFromInline package struct ProductTile {
  /// Rows of a tile.
  @inlinable package static var rows: Int { 6 }
  /// Columns of a tile, and of a packed operand `B`.
  @inlinable package static var columns: Int { 2 * vectorWidth }
  /// `count` rounded up to whole tiles.
  @inlinable
  package static func wholeColumns(_ count: Int) -> Int {
    (count + columns - 1) / columns * columns
  }

  @usableFromInline var r0 = (FloatVector.zero, FloatVector.zero)
  @usableFromInline var r1 = (FloatVector.zero, FloatVector.zero)
  @usableFromInline var r2 = (FloatVector.zero, FloatVector.zero)
  @usableFromInline var r3 = (FloatVector.zero, FloatVector.zero)
  @usableFromInline var r4 = (FloatVector.zero, FloatVector.zero)
  @usableFromInline var r5 = (FloatVector.zero, FloatVector.zero)

  /// Computes `A[0..<6, 0..<depth] · B[0..<depth, 0..<columns]`.
  ///
  /// Only the first `count ≥ 1` rows of `A` must exist: missing rows repeat the last row, and their
  /// products are discarded. Element (i, k) of `A` is `a[i × aStride + k × aStep]`.
  @unsafe @inlinable @inline(__always)
  package init(
    a: UnsafePointer<Float>, aStride: Int, aStep: Int = 1, count: Int,
    b: UnsafePointer<Float>, bStride: Int, depth: Int
  ) {
    let last = count &- 1
    let a0 = unsafe a
    let a1 = unsafe a + min(1, last) &* aStride
    let a2 = unsafe a + min(2, last) &* aStride
    let a3 = unsafe a + min(3, last) &* aStride
    let a4 = unsafe a + min(4, last) &* aStride
    let a5 = unsafe a + min(5, last) &* aStride
    var row = unsafe b
    var (k, at) = (0, 0)
    while k < depth {
      let (left, right) = unsafe (loadVector(row), loadVector(row + vectorWidth))
      unsafe Self.add(a0[at], left, right, to: &r0)
      unsafe Self.add(a1[at], left, right, to: &r1)
      unsafe Self.add(a2[at], left, right, to: &r2)
      unsafe Self.add(a3[at], left, right, to: &r3)
      unsafe Self.add(a4[at], left, right, to: &r4)
      unsafe Self.add(a5[at], left, right, to: &r5)
      unsafe row += bStride
      at &+= aStep
      k &+= 1
    }
  }

  /// Multiplies every element by `factor`.
  @inlinable @inline(__always)
  package mutating func multiply(by factor: Float) {
    (r0.0, r0.1) = (r0.0 * factor, r0.1 * factor)
    (r1.0, r1.1) = (r1.0 * factor, r1.1 * factor)
    (r2.0, r2.1) = (r2.0 * factor, r2.1 * factor)
    (r3.0, r3.1) = (r3.0 * factor, r3.1 * factor)
    (r4.0, r4.1) = (r4.0 * factor, r4.1 * factor)
    (r5.0, r5.1) = (r5.0 * factor, r5.1 * factor)
  }

  /// Writes the first `count` rows and `columns` columns to `c`.
  @unsafe @inlinable @inline(__always)
  package func store(
    to c: UnsafeMutablePointer<Float>, stride: Int, count: Int, columns: Int
  ) {
    unsafe Self.store(r0, c, columns)
    if count > 1 { unsafe Self.store(r1, c + stride, columns) }
    if count > 2 { unsafe Self.store(r2, c + 2 &* stride, columns) }
    if count > 3 { unsafe Self.store(r3, c + 3 &* stride, columns) }
    if count > 4 { unsafe Self.store(r4, c + 4 &* stride, columns) }
    if count > 5 { unsafe Self.store(r5, c + 5 &* stride, columns) }
  }

  /// Multiplies each of the first `count` rows at `c` by its factor, then adds the tile's row, all
  /// columns of it.
  @unsafe @inlinable @inline(__always)
  package func add(
    to c: UnsafeMutablePointer<Float>, stride: Int, count: Int, factors: UnsafePointer<Float>
  ) {
    unsafe Self.add(r0, to: c, factors[0])
    if count > 1 { unsafe Self.add(r1, to: c + stride, factors[1]) }
    if count > 2 { unsafe Self.add(r2, to: c + 2 &* stride, factors[2]) }
    if count > 3 { unsafe Self.add(r3, to: c + 3 &* stride, factors[3]) }
    if count > 4 { unsafe Self.add(r4, to: c + 4 &* stride, factors[4]) }
    if count > 5 { unsafe Self.add(r5, to: c + 5 &* stride, factors[5]) }
  }

  /// Adds the tile's first `count` rows and `columns` columns to the matrix at `c`.
  @unsafe @inlinable @inline(__always)
  package func add(
    to c: UnsafeMutablePointer<Float>, stride: Int, count: Int, columns: Int
  ) {
    unsafe Self.add(r0, to: c, columns)
    if count > 1 { unsafe Self.add(r1, to: c + stride, columns) }
    if count > 2 { unsafe Self.add(r2, to: c + 2 &* stride, columns) }
    if count > 3 { unsafe Self.add(r3, to: c + 3 &* stride, columns) }
    if count > 4 { unsafe Self.add(r4, to: c + 4 &* stride, columns) }
    if count > 5 { unsafe Self.add(r5, to: c + 5 &* stride, columns) }
  }

  @unsafe @inlinable @inline(__always)
  static func add(
    _ row: (FloatVector, FloatVector), to c: UnsafeMutablePointer<Float>, _ columns: Int
  ) {
    if columns == self.columns {
      unsafe storeVector(loadVector(c) + row.0, c)
      unsafe storeVector(loadVector(c + vectorWidth) + row.1, c + vectorWidth)
    } else {
      for column in 0..<columns {
        unsafe c[column] += column < vectorWidth ? row.0[column] : row.1[column &- vectorWidth]
      }
    }
  }

  @unsafe @inlinable @inline(__always)
  static func add(
    _ row: (FloatVector, FloatVector), to c: UnsafeMutablePointer<Float>, _ factor: Float
  ) {
    let factors = FloatVector(repeating: factor)
    unsafe storeVector(multiplyAdd(loadVector(c), factors, row.0), c)
    unsafe storeVector(
      multiplyAdd(loadVector(c + vectorWidth), factors, row.1), c + vectorWidth)
  }

  @inlinable @inline(__always)
  static func add(
    _ factor: Float, _ left: FloatVector, _ right: FloatVector,
    to row: inout (FloatVector, FloatVector)
  ) {
    let factors = FloatVector(repeating: factor)
    row.0 = multiplyAdd(left, factors, row.0)
    row.1 = multiplyAdd(right, factors, row.1)
  }

  @unsafe @inlinable @inline(__always)
  static func store(
    _ row: (FloatVector, FloatVector), _ c: UnsafeMutablePointer<Float>, _ columns: Int
  ) {
    if columns == self.columns {
      unsafe storeVector(row.0, c)
      unsafe storeVector(row.1, c + vectorWidth)
    } else {
      unsafe storeVector(row.0, c, count: min(columns, vectorWidth))
      unsafe storeVector(row.1, c + vectorWidth, count: max(columns &- vectorWidth, 0))
    }
  }
}
