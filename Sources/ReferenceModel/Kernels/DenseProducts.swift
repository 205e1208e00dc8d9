extension Kernels {
  /// `C[m × n] = scale · A[m × k] · B[n × k]ᵀ` on this thread; a stride is the distance between rows.
  ///
  /// Sixteen rows of `B` at a time are turned into columns in a panel of `16 · k` floats, the only
  /// memory a call takes.
  @unsafe package static func productTransposed(
    a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>, bStride: Int,
    m: Int, n: Int, k: Int, scale: Float, into c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 16 * max(k, 1)) { panel in
      guard let panel = panel.baseAddress else { return }
      var column = 0
      while column < n {
        let width = min(ProductTile.columns, n &- column)
        unsafe packPanel(
          b + column &* bStride, stride: bStride, count: width, depth: k, into: panel)
        var row = 0
        while row < m {
          let height = min(ProductTile.rows, m &- row)
          var tile = unsafe ProductTile(
            a: a + row &* aStride, aStride: aStride, count: height, b: panel,
            bStride: ProductTile.columns, depth: k)
          tile.multiply(by: scale)
          unsafe tile.store(
            to: c + (row &* cStride &+ column), stride: cStride, count: height, columns: width)
          row &+= ProductTile.rows
        }
        column &+= ProductTile.columns
      }
    }
  }

  /// `C[m × n] = A[m × k] · B[k × n]` on this thread; a stride is the distance between rows.
  @unsafe package static func product(
    a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>, bStride: Int,
    m: Int, n: Int, k: Int, into c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    var column = 0
    while column &+ ProductTile.columns <= n {
      var row = 0
      while row < m {
        let height = min(ProductTile.rows, m &- row)
        let tile = unsafe ProductTile(
          a: a + row &* aStride, aStride: aStride, count: height, b: b + column, bStride: bStride,
          depth: k)
        unsafe tile.store(
          to: c + (row &* cStride &+ column), stride: cStride, count: height,
          columns: ProductTile.columns)
        row &+= ProductTile.rows
      }
      column &+= ProductTile.columns
    }
    while column < n {
      for row in 0..<m {
        var sum: Float = 0
        for depth in 0..<k {
          sum = unsafe multiplyAdd(
            b[depth &* bStride &+ column], a[row &* aStride &+ depth], sum)
        }
        unsafe c[row &* cStride &+ column] = sum
      }
      column &+= 1
    }
  }
}
