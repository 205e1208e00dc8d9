import Foundation
internal import ReferenceModel

/// A block of consecutive queries of one text, for the query heads that share a key head.
///
/// Matrix row r of a block is query `r / group`, head `r % group`. `attentionWeights` holds
/// attention logits first, then attention weights or probabilities.
@safe struct AttentionBlock {
  let attention: BlockAttention
  @unsafe let rows: AttentionRows
  let text: Range<Int>
  let head: Int
  let queries: Range<Int>
  let visible: VisibleKeys
  let thread: Int
  let stride: Int
  // Scratch in this order: three matrices of height × depth, two of height × stride.
  @unsafe let scaledQueries: UnsafeMutablePointer<Float>
  @unsafe let outputs: UnsafeMutablePointer<Float>
  @unsafe let queryGradients: UnsafeMutablePointer<Float>
  @unsafe let attentionWeights: UnsafeMutablePointer<Float>
  @unsafe let weightGradients: UnsafeMutablePointer<Float>

  /// The block of `queries`, which are positions in `text`.
  init(
    _ attention: BlockAttention, _ rows: AttentionRows, text: Range<Int>, head: Int,
    queries: Range<Int>, mask: AttentionMask, thread: Int, scratch: FloatBuffer
  ) {
    self.attention = attention
    unsafe self.rows = unsafe rows
    self.text = text
    self.head = head
    self.queries = queries
    self.thread = thread
    let visible = mask.visible(to: queries)
    self.visible = visible
    // A tile more than whole tiles, so that matrix rows do not map to the same few sets of the
    // cache.
    let stride = ProductTile.wholeColumns(visible.columns) + ProductTile.columns
    self.stride = stride
    let height = queries.count * attention.group
    let small = ProductTile.wholeColumns(height * attention.depth)
    unsafe scaledQueries = scratch.room(3 * small + 2 * height * stride)
    unsafe outputs = scaledQueries + small
    unsafe queryGradients = outputs + small
    unsafe attentionWeights = queryGradients + small
    unsafe weightGradients = attentionWeights + height * stride
  }

  var group: Int { attention.group }
  var depth: Int { attention.depth }
  var height: Int { queries.count * group }

  /// The position of the query of matrix row `row`.
  func position(_ row: Int) -> Int { queries.lowerBound + row / group }

  /// The index of the query of matrix row `row` in buffers with `queryHeads` items a token.
  func place(_ row: Int) -> Int {
    (text.lowerBound + position(row)) * attention.queryHeads + head * group + row % group
  }

  /// The offset of the key or value at `position` in buffers with `keyHeads × depth` floats a
  /// token.
  func keyOffset(_ position: Int) -> Int {
    (text.lowerBound + position) * attention.keyWidth + head * depth
  }

  /// Copies the block's queries in `source`, which has `queryHeads × depth` floats a token, to
  /// `target`.
  func gather(
    _ source: UnsafePointer<Float>, times factor: Float = 1, to target: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<height {
      unsafe Kernels.scale(
        source + place(row) * depth, by: factor, into: target + row * depth, count: depth)
    }
  }

  /// `A · Kᵀ` into `target`; `source` holds keys or values as K.
  func multiply(
    _ a: UnsafePointer<Float>, withRows source: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    for piece in visible.pieces {
      unsafe attention.product.multiply(
        ProductShape(rows: height, columns: piece.keys.count, depth: depth),
        Operand(a, stride: depth),
        Operand(
          source + keyOffset(piece.keys.lowerBound), stride: attention.keyWidth, transposed: true),
        into: Target(target + piece.column, stride: stride), thread: thread)
    }
  }

  /// `W · V` into `target`; `source` holds keys or values as V, and `w` is `height × stride`.
  func mix(
    _ w: UnsafePointer<Float>, ofRows source: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    for (index, piece) in visible.pieces.enumerated() {
      unsafe attention.product.multiply(
        ProductShape(rows: height, columns: depth, depth: piece.keys.count),
        Operand(w + piece.column, stride: stride),
        Operand(source + keyOffset(piece.keys.lowerBound), stride: attention.keyWidth),
        into: Target(target, stride: depth, adding: index > 0), thread: thread)
    }
  }

  /// `target += Wᵀ · A`, for the gradients of keys or values.
  func spread(
    _ w: UnsafePointer<Float>, _ a: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>
  ) {
    for piece in visible.pieces {
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

extension AttentionBlock {
  /// The block's part of `BlockAttention.attend`.
  func attend(into out: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>) {
    unsafe gather(rows.queries, times: attention.scale, to: scaledQueries)
    unsafe multiply(scaledQueries, withRows: rows.keys, into: attentionWeights)
    for row in 0..<height {
      let x = unsafe attentionWeights + row * stride
      let seen = visible.seen(by: position(row))
      unsafe fillGap(x, row, with: -.infinity)
      // A query attends to itself, so the greatest logit is finite.
      let top = unsafe Kernels.greatest(padding: x, count: seen)
      let sum = unsafe Kernels.exponentials(x, count: seen, top: top)
      unsafe clear(x, after: seen)
      unsafe sums[place(row)] = top + Float(log(Double(sum)))
      unsafe queryGradients[row] = 1 / sum
    }
    unsafe mix(attentionWeights, ofRows: rows.values, into: outputs)
    for row in 0..<height {
      unsafe Kernels.scale(
        outputs + row * depth, by: queryGradients[row], into: out + place(row) * depth,
        count: depth)
    }
  }

  /// The block's part of `BlockAttention.attendBackward`.
  func attendBackward(
    out: UnsafePointer<Float>, sums: UnsafePointer<Float>, dOut: UnsafePointer<Float>,
    into gradients: AttentionGradients
  ) {
    unsafe gather(rows.queries, times: attention.scale, to: scaledQueries)
    unsafe gather(dOut, to: outputs)
    unsafe multiply(scaledQueries, withRows: rows.keys, into: attentionWeights)
    unsafe multiply(outputs, withRows: rows.values, into: weightGradients)
    for row in 0..<height {
      let place = place(row)
      let mean = unsafe Kernels.dot(dOut + place * depth, out + place * depth, count: depth)
      unsafe findGradients(row, logSum: sums[place], mean: mean)
    }
    unsafe spread(attentionWeights, outputs, to: gradients.values)
    unsafe spread(weightGradients, scaledQueries, to: gradients.keys)
    unsafe mix(weightGradients, ofRows: rows.keys, into: queryGradients)
    for row in 0..<height {
      unsafe Kernels.add(
        queryGradients + row * depth, times: attention.scale,
        to: gradients.queries + place(row) * depth, count: depth)
    }
  }

  /// Turns attention logits into probabilities P, and the gradients dP into those of the logits:
  /// `P · (dP − mean)`.
  @inline(__always)
  private func findGradients(_ row: Int, logSum: Float, mean: Float) {
    let (p, d) = unsafe (attentionWeights + row * stride, weightGradients + row * stride)
    let seen = visible.seen(by: position(row))
    unsafe fillGap(p, row, with: -.infinity)
    unsafe Kernels.pad(p, count: seen)
    _ = unsafe Kernels.exponentials(p, count: seen, top: logSum)
    unsafe clear(p, after: seen)
    let means = Float8(repeating: mean)
    var i = 0
    while i < visible.columns {
      unsafe store8(load8(p + i) * (load8(d + i) - means), d + i)
      i &+= 8
    }
  }

  /// Sets the columns that the query of `row` does not attend to, among those before its own, to
  /// `value`.
  @inline(__always)
  private func fillGap(_ x: UnsafeMutablePointer<Float>, _ row: Int, with value: Float) {
    let gap = visible.gap(at: position(row))
    if !gap.isEmpty { unsafe (x + gap.lowerBound).update(repeating: value, count: gap.count) }
  }

  /// Zeros the columns after the `seen` first. Columns up to the next whole tile are zero already.
  @inline(__always)
  private func clear(_ x: UnsafeMutablePointer<Float>, after seen: Int) {
    let first = ProductTile.wholeColumns(seen)
    let end = ProductTile.wholeColumns(visible.columns)
    if first < end { unsafe (x + first).update(repeating: 0, count: end - first) }
  }
}
