import Foundation
internal import ReferenceModel

extension Kernels {
  /// `−log softmax(logits)[target]`. Replaces the vocabulary logits by their gradient times
  /// `factor`: `factor · (softmax − 1 at the target)`.
  ///
  /// `logits` needs room up to the next whole tile.
  @unsafe static func crossEntropy(
    _ logits: UnsafeMutablePointer<Float>, count: Int, target: Int, factor: Float
  ) -> Double {
    let own = unsafe logits[target]
    let top = unsafe greatest(padding: logits, count: count)
    let sum = unsafe exponentials(logits, count: count, top: top)
    unsafe scale(logits, by: factor / sum, into: logits, count: count)
    unsafe logits[target] -= factor
    return log(Double(sum)) + Double(top) - Double(own)
  }

  /// `Σ a · b` over `count` floats.
  @unsafe static func dot(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int
  ) -> Float {
    var sums = Float8.zero
    var i = 0
    while i &+ 8 <= count {
      sums = unsafe multiplyAdd(load8(a + i), load8(b + i), sums)
      i &+= 8
    }
    var sum = sums.total
    while i < count {
      sum = unsafe multiplyAdd(a[i], b[i], sum)
      i &+= 1
    }
    return sum
  }
}
