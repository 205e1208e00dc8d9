import Foundation
internal import ReferenceModel

extension AttentionBlock {
  /// The block's part of `BlockAttention.attend`.
  func attend(into out: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>) {
    unsafe gather(rows.queries, times: attention.scale, to: scaledQueries)
    unsafe multiply(scaledQueries, withRows: rows.keys, into: weights)
    for row in unsafe 0..<height {
      let x = unsafe weights + row * stride
      let seen = unsafe visible.seen(by: position(row))
      unsafe fillGap(x, row, with: -.infinity)
      // A query sees itself, so the greatest logit is finite.
      let top = unsafe Kernels.greatest(padding: x, count: seen)
      let sum = unsafe Kernels.exponentials(x, count: seen, top: top)
      unsafe clear(x, after: seen)
      unsafe sums[place(row)] = top + Float(log(Double(sum)))
      unsafe queryGradients[row] = 1 / sum
    }
    unsafe mix(weights, ofRows: rows.values, into: outputs)
    for row in unsafe 0..<height {
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
    unsafe multiply(scaledQueries, withRows: rows.keys, into: weights)
    unsafe multiply(outputs, withRows: rows.values, into: weightGradients)
    for row in unsafe 0..<height {
      let place = unsafe place(row)
      let mean = unsafe Kernels.dot(dOut + place * depth, out + place * depth, count: depth)
      unsafe findGradients(row, logSum: sums[place], mean: mean)
    }
    unsafe spread(weights, outputs, to: gradients.values)
    unsafe spread(weightGradients, scaledQueries, to: gradients.keys)
    unsafe mix(weightGradients, ofRows: rows.keys, into: queryGradients)
    for row in unsafe 0..<height {
      unsafe Kernels.add(
        queryGradients + row * depth, times: attention.scale,
        to: gradients.queries + place(row) * depth, count: depth)
    }
  }

  /// Logits become probabilities P, and their gradients dP those of the logits: `P · (dP − mean)`.
  @inline(__always)
  private func findGradients(_ row: Int, logSum: Float, mean: Float) {
    let (p, d) = unsafe (weights + row * stride, weightGradients + row * stride)
    let seen = unsafe visible.seen(by: position(row))
    unsafe fillGap(p, row, with: -.infinity)
    unsafe Kernels.pad(p, count: seen)
    _ = unsafe Kernels.exponentials(p, count: seen, top: logSum)
    unsafe clear(p, after: seen)
    let means = Float8(repeating: mean)
    var i = 0
    while unsafe i < visible.columns {
      unsafe store8(load8(p + i) * (load8(d + i) - means), d + i)
      i &+= 8
    }
  }

  /// What the row's query does not see among the columns before its own.
  @inline(__always)
  private func fillGap(_ x: UnsafeMutablePointer<Float>, _ row: Int, with value: Float) {
    let gap = unsafe visible.gap(at: position(row))
    if !gap.isEmpty { unsafe (x + gap.lowerBound).update(repeating: value, count: gap.count) }
  }

  /// Zeros for the columns after those a query sees; up to a whole tile they are zeros already.
  @inline(__always)
  private func clear(_ x: UnsafeMutablePointer<Float>, after seen: Int) {
    let first = ProductTile.wholeColumns(seen)
    let end = unsafe ProductTile.wholeColumns(visible.columns)
    if first < end { unsafe (x + first).update(repeating: 0, count: end - first) }
  }
}
