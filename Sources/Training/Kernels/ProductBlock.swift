internal import ReferenceModel

/// The multiplication of one block of C.
@safe struct ProductBlock {
  /// Elements of the inner dimension that are multiplied together.
  private static let run = 256
  /// Floats between packed matrix rows of A. With a power of two, the rows would map to the same
  /// few sets of the cache.
  private static let rowStride = run + 8
  /// Floats between strips of a transposed A. The last eight take the stores past the end of a
  /// strip.
  private static let stripStride = ProductTile.rows * run + 8

  private let rows: Range<Int>
  private let columns: Range<Int>
  private let depth: Int
  private let a: Operand
  private let b: Operand
  private let c: Target

  /// Block `index` of a product.
  init(_ grid: ProductGrid, _ index: Int, depth: Int, _ a: Operand, _ b: Operand, _ c: Target) {
    (rows, columns) = grid.block(index)
    self.depth = depth
    self.a = a
    self.b = b
    self.c = c
  }

  /// Multiplies the block, with packed operands in `scratch`.
  func multiply(_ scratch: FloatBuffer) {
    guard !rows.isEmpty, !columns.isEmpty else { return }
    if depth == 0 { return clear() }
    let strips = (rows.count + ProductTile.rows - 1) / ProductTile.rows
    // Packed matrix rows take more floats than a transposed strip.
    let panels = unsafe scratch.room(
      strips * ProductTile.rows * Self.rowStride + ProductTile.wholeColumns(columns.count)
        * Self.run)
    let packedA = unsafe panels + ProductTile.wholeColumns(columns.count) * Self.run
    var first = 0
    while first < depth {
      let count = min(Self.run, depth - first)
      unsafe packB(first, count, into: panels)
      let source = unsafe stripSource(first, count, packedA)
      unsafe multiplyRun(source, panels, count: count, adding: c.adds || first > 0)
      first += count
    }
  }

  /// The product of depth 0: zeros, unless the destination is added to.
  private func clear() {
    guard !c.adds else { return }
    for row in rows {
      unsafe (c.base + row * c.stride + columns.lowerBound).update(
        repeating: 0, count: columns.count)
    }
  }

  @inline(never)
  private func multiplyRun(
    _ strips: Strips, _ panels: UnsafePointer<Float>, count: Int, adding: Bool
  ) {
    var column = columns.lowerBound
    var panel = unsafe panels
    while column < columns.upperBound {
      let width = min(ProductTile.columns, columns.upperBound &- column)
      var (row, strip) = unsafe (rows.lowerBound, strips.base)
      while row < rows.upperBound {
        let height = min(ProductTile.rows, rows.upperBound &- row)
        let tile = unsafe ProductTile(
          a: strip, aStride: strips.stride, aStep: strips.step, count: height, b: panel,
          bStride: ProductTile.columns, depth: count)
        let target = unsafe c.base + (row &* c.stride &+ column)
        if adding {
          unsafe tile.add(to: target, stride: c.stride, count: height, columns: width)
        } else {
          unsafe tile.store(to: target, stride: c.stride, count: height, columns: width)
        }
        row &+= ProductTile.rows
        unsafe strip += strips.distance
      }
      column &+= ProductTile.columns
      unsafe panel += count &* ProductTile.columns
    }
  }

  /// Strips of six matrix rows of A: element (i, k) of strip s is at `s × distance + i × stride + k
  /// × step`.
  @unsafe private struct Strips {
    let base: UnsafePointer<Float>
    let distance: Int
    let stride: Int
    let step: Int
  }

  /// The block's rows of A between depths `first` and `first + count`, packed where that is faster.
  private func stripSource(
    _ first: Int, _ count: Int, _ packed: UnsafeMutablePointer<Float>
  ) -> Strips {
    if a.isTransposed {
      unsafe packTransposed(first, count, into: packed)
      return unsafe Strips(
        base: packed, distance: Self.stripStride, stride: 1, step: ProductTile.rows)
    }
    let source = unsafe a.base + rows.lowerBound * a.stride + first
    // With few columns the rows are read so few times that packing would not pay.
    if columns.count <= 4 * ProductTile.columns {
      return unsafe Strips(
        base: source, distance: ProductTile.rows * a.stride, stride: a.stride, step: 1)
    }
    for row in 0..<rows.count {
      unsafe (packed + row * Self.rowStride).update(from: source + row * a.stride, count: count)
    }
    return unsafe Strips(
      base: packed, distance: ProductTile.rows * Self.rowStride, stride: Self.rowStride, step: 1)
  }

  /// Packs a transposed A: six consecutive floats in memory become one step of a strip.
  @inline(never)
  private func packTransposed(
    _ first: Int, _ count: Int, into packed: UnsafeMutablePointer<Float>
  ) {
    for k in 0..<count {
      let source = unsafe a.base + ((first &+ k) &* a.stride &+ rows.lowerBound)
      var target = unsafe packed + k &* ProductTile.rows
      var row = 0
      // While eight rows remain, all eight floats are in the matrix. The two that do not belong to
      // the strip are overwritten by the next step or lie in the strip's last eight floats.
      while row &+ 8 <= rows.count {
        unsafe store8(load8(source + row), target)
        row &+= ProductTile.rows
        unsafe target += Self.stripStride
      }
      while row < rows.count {
        for i in 0..<min(ProductTile.rows, rows.count &- row) {
          unsafe target[i] = source[row &+ i]
        }
        row &+= ProductTile.rows
        unsafe target += Self.stripStride
      }
    }
  }

  /// Packs B into slices as wide as a tile: element (k, j) at `(slice × count + k) × width + j`.
  private func packB(_ first: Int, _ count: Int, into panels: UnsafeMutablePointer<Float>) {
    var (column, panel) = unsafe (columns.lowerBound, panels)
    while column < columns.upperBound {
      let width = min(ProductTile.columns, columns.upperBound - column)
      if b.isTransposed {
        unsafe Kernels.packPanel(
          b.base + column * b.stride + first, stride: b.stride, count: width, depth: count,
          into: panel)
      } else {
        unsafe copyPanel(
          b.base + first * b.stride + column, width: width, count: count, into: panel)
      }
      column += ProductTile.columns
      unsafe panel += count * ProductTile.columns
    }
  }

  @inline(never)
  private func copyPanel(
    _ source: UnsafePointer<Float>, width: Int, count: Int,
    into panel: UnsafeMutablePointer<Float>
  ) {
    var (from, to) = unsafe (source, panel)
    for _ in 0..<count {
      if width == ProductTile.columns {
        unsafe storeVector(loadVector(from), to)
        unsafe storeVector(loadVector(from + vectorWidth), to + vectorWidth)
      } else {
        // The results for missing columns are discarded; their inputs only have to be numbers.
        for j in 0..<ProductTile.columns { unsafe to[j] = j < width ? from[j] : 0 }
      }
      unsafe from += b.stride
      unsafe to += ProductTile.columns
    }
  }
}
