extension Kernels {
  /// `C[m × n] = scale · A[m × k] · B[n × k]ᵀ` on this thread; a stride is the distance between rows.
  @unsafe package static func productTransposed(
    a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>, bStride: Int,
    m: Int, n: Int, k: Int, scale: Float, into c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    // Four rows of B at a time stay in the nearest cache while all of A goes by.
    var column = 0
    while column < n {
      let last = n &- 1
      let width = min(DotTile.width, n &- column)
      let rows = unsafe (
        UnsafeRawPointer(b + column &* bStride),
        UnsafeRawPointer(b + min(column &+ 1, last) &* bStride),
        UnsafeRawPointer(b + min(column &+ 2, last) &* bStride),
        UnsafeRawPointer(b + min(column &+ 3, last) &* bStride)
      )
      var row = 0
      while row < m {
        unsafe storeDots(
          F32Format.self, height: m &- row, q: a + row &* aStride, qStride: aStride, k: rows,
          depth: k, scale: scale, into: c + (row &* cStride &+ column), stride: cStride,
          width: width)
        row &+= DotTile.height
      }
      column &+= DotTile.width
    }
  }

  /// `C[m × n] = A[m × k] · B[k × n]` on this thread; a stride is the distance between rows.
  @unsafe package static func product(
    a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>, bStride: Int,
    m: Int, n: Int, k: Int, into c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    var column = 0
    while column &+ 16 <= n {
      var row = 0
      while row < m {
        let height = min(ProductTile.rows, m &- row)
        let tile = unsafe ProductTile(
          a: a + row &* aStride, aStride: aStride, count: height, b: b + column, bStride: bStride,
          depth: k)
        unsafe tile.store(
          to: c + (row &* cStride &+ column), stride: cStride, count: height, columns: 16)
        row &+= ProductTile.rows
      }
      column &+= 16
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
