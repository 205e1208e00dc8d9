internal import ReferenceModel

extension Gradients {
  /// The Euclidean norm of the gradients of all weights. Blocks of 4096 are summed in single
  /// precision, the block sums in double, always in the same order.
  public var weightNorm: Double {
    unsafe weights.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      var sum = 0.0
      for first in stride(from: 0, to: buffer.count, by: 4096) {
        let count = min(4096, buffer.count - first)
        sum += unsafe Double(Kernels.dot(base + first, base + first, count: count))
      }
      return sum.squareRoot()
    }
  }

  /// The factor that scales the gradients to a norm of at most `limit`.
  public func clippingFactor(limit: Double) -> Float {
    let norm = weightNorm
    return norm > limit ? Float(limit / norm) : 1
  }
}
