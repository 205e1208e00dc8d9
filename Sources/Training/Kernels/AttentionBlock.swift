internal import ReferenceModel

/// Consecutive queries of one text, for the query heads that share a key head.
///
/// Row r of a block is query `r / group`, head `r % group`.
@unsafe struct AttentionBlock {
  let attention: BlockAttention
  let rows: AttentionRows
  let text: Range<Int>
  let head: Int
  let queries: Range<Int>
  let visible: VisibleKeys
  let thread: Int
  let stride: Int
  // Scratch, in this order: three of height × depth, two of height × stride.
  let scaledQueries: UnsafeMutablePointer<Float>
  let outputs: UnsafeMutablePointer<Float>
  let queryGradients: UnsafeMutablePointer<Float>
  let weights: UnsafeMutablePointer<Float>
  let weightGradients: UnsafeMutablePointer<Float>

  /// The block of `queries`, positions in `text`.
  init(
    _ attention: BlockAttention, _ rows: AttentionRows, text: Range<Int>, head: Int,
    queries: Range<Int>, mask: AttentionMask, thread: Int, scratch: FloatBuffer
  ) {
    unsafe self.attention = attention
    unsafe self.rows = unsafe rows
    unsafe self.text = text
    unsafe self.head = head
    unsafe self.queries = queries
    unsafe self.thread = thread
    let visible = mask.visible(to: queries)
    unsafe self.visible = visible
    // One cache line more than whole tiles, so that rows do not share a few sets of the cache.
    let stride = ProductTile.wholeColumns(visible.columns) + ProductTile.columns
    unsafe self.stride = stride
    let height = queries.count * attention.group
    let small = ProductTile.wholeColumns(height * attention.depth)
    unsafe scaledQueries = scratch.room(3 * small + 2 * height * stride)
    unsafe outputs = scaledQueries + small
    unsafe queryGradients = outputs + small
    unsafe weights = queryGradients + small
    unsafe weightGradients = weights + height * stride
  }

  var group: Int { unsafe attention.group }
  var depth: Int { unsafe attention.depth }
  var height: Int { unsafe queries.count * group }

  /// Position of a row's query.
  func position(_ row: Int) -> Int { unsafe queries.lowerBound + row / group }

  /// Where the row's query, or what belongs to it, is among rows of `queryHeads` items.
  func place(_ row: Int) -> Int {
    unsafe (text.lowerBound + position(row)) * attention.queryHeads + head * group + row % group
  }

  /// The first element of a key, or of what belongs to it, in rows of `keyHeads × depth`.
  func keyOffset(_ position: Int) -> Int {
    unsafe (text.lowerBound + position) * attention.keyWidth + head * depth
  }

  /// Copies the rows' part of `source`, rows of `queryHeads × depth`, to `target`.
  func gather(
    _ source: UnsafePointer<Float>, times factor: Float = 1, to target: UnsafeMutablePointer<Float>
  ) {
    for row in unsafe 0..<height {
      unsafe Kernels.scale(
        source + place(row) * depth, by: factor, into: target + row * depth, count: depth)
    }
  }

  /// `A · Kᵀ` into `target`, for keys or values as K.
  func multiply(
    _ a: UnsafePointer<Float>, withRows source: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    for piece in unsafe visible.pieces {
      unsafe attention.product.multiply(
        ProductShape(rows: height, columns: piece.keys.count, depth: depth),
        Operand(a, stride: depth),
        Operand(
          source + keyOffset(piece.keys.lowerBound), stride: attention.keyWidth, transposed: true),
        into: Target(target + piece.column, stride: stride), thread: thread)
    }
  }

  /// `W · V` into `target`, for keys or values as V; `w` is `height × stride`.
  func mix(
    _ w: UnsafePointer<Float>, ofRows source: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    for (index, piece) in unsafe visible.pieces.enumerated() {
      unsafe attention.product.multiply(
        ProductShape(rows: height, columns: depth, depth: piece.keys.count),
        Operand(w + piece.column, stride: stride),
        Operand(source + keyOffset(piece.keys.lowerBound), stride: attention.keyWidth),
        into: Target(target, stride: depth, adding: index > 0), thread: thread)
    }
  }

  /// `target += Wᵀ · A`, for gradients of keys or values.
  func spread(
    _ w: UnsafePointer<Float>, _ a: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>
  ) {
    for piece in unsafe visible.pieces {
      unsafe attention.product.multiply(
        ProductShape(rows: piece.keys.count, columns: depth, depth: height),
        Operand(w + piece.column, stride: stride, transposed: true),
        Operand(a, stride: depth),
        into: Target(
          target + keyOffset(piece.keys.lowerBound), stride: attention.keyWidth, adding: true),
        thread: thread)
    }
  }
}
