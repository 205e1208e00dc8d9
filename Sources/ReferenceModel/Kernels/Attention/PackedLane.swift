/// A lane's keys and values as floats, laid out for products with many queries at once.
///
/// ```text
/// keys     panel 0: rows 0–15, turned into columns: depth × 16      panel 1: rows 16–31   …
/// values   group 0: elements 0–15 of every row: rows × 16           group 1: elements 16–31   …
/// ```
///
/// Each panel of keys and each group of elements above is one packed operand of `ProductTile`:
/// every step of the tile reads the next floats in memory. With AVX-512 it has 32 rows or elements.
@safe package struct PackedLane {
  // Both buffers hold whole packed operands: `rows` and the depth of the values are
  // rounded up to whole operands.
  @unsafe let keys: UnsafeMutablePointer<Float>
  @unsafe let values: UnsafeMutablePointer<Float>
  /// Number of rows that there is room for.
  let rows: Int
  /// Elements of a key.
  let depth: Int

  /// Floats that a lane of `rows` rows takes.
  package static func floats(rows: Int, depth: Int) -> Int {
    ProductTile.wholeColumns(rows) * (depth + ProductTile.wholeColumns(depth))
  }

  /// A lane of up to `rows` rows at `base`, where there is room for `floats(rows:depth:)`.
  package init(_ base: UnsafeMutablePointer<Float>, rows: Int, depth: Int) {
    self.rows = ProductTile.wholeColumns(rows)
    self.depth = depth
    unsafe keys = base
    unsafe values = base + self.rows * depth
  }

  /// Packs the keys of `range`, `range.count × depth` floats. The range begins with a panel.
  package func packKeys(_ keys: UnsafePointer<Float>, range: Range<Int>) {
    var row = range.lowerBound
    while row < range.upperBound {
      let source = unsafe keys + (row &- range.lowerBound) &* depth
      unsafe Kernels.packPanel(
        source, stride: depth, count: min(ProductTile.columns, range.upperBound &- row),
        depth: depth,
        into: self.keys + row &* depth)
      row &+= ProductTile.columns
    }
  }

  /// Packs the values of `range`, `range.count × depth` floats. Elements that pad the depth are
  /// zero.
  package func packValues(_ values: UnsafePointer<Float>, range: Range<Int>) {
    var element = 0
    while element < depth {
      let target = unsafe self.values + element &* rows
      let count = min(ProductTile.columns, depth &- element)
      for row in range {
        let source = unsafe values + ((row &- range.lowerBound) &* depth &+ element)
        let place = unsafe target + row &* ProductTile.columns
        if count == ProductTile.columns {
          unsafe storeVector(loadVector(source), place)
          unsafe storeVector(loadVector(source + vectorWidth), place + vectorWidth)
        } else {
          unsafe place.update(repeating: 0, count: ProductTile.columns)
          unsafe place.update(from: source, count: count)
        }
      }
      element &+= ProductTile.columns
    }
  }

  /// Computes the logits of `count` queries, `stride` floats apart, over `rows`, which begin with a
  /// panel: `logits[q × logitStride + r] = scale · q · k_r`.
  package func logits(
    _ queries: UnsafePointer<Float>, stride: Int, count: Int, rows: Range<Int>, scale: Float,
    into logits: UnsafeMutablePointer<Float>, logitStride: Int
  ) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let columns = min(ProductTile.columns, rows.upperBound &- row)
      var query = 0
      while query < count {
        let height = min(ProductTile.rows, count &- query)
        var tile = unsafe ProductTile(
          a: queries + query &* stride, aStride: stride, count: height, b: keys + row &* depth,
          bStride: ProductTile.columns, depth: depth)
        tile.multiply(by: scale)
        unsafe tile.store(
          to: logits + (query &* logitStride &+ row), stride: logitStride, count: height,
          columns: columns)
        query &+= ProductTile.rows
      }
      row &+= ProductTile.columns
    }
  }
}
