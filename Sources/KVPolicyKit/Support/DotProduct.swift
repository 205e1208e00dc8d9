extension Span where Element == Float {
  /// The dot product of two vectors of the same length, eight elements at a time.
  ///
  /// - Precondition: both vectors have the same number of elements. A policy calls this for vectors
  ///   of one lane, so another number is a mistake in its code and traps.
  public func dot(_ other: Span<Float>) -> Float {
    precondition(count == other.count, "two vectors of one length")
    var (sums, index) = (SIMD8<Float>.zero, 0)
    unsafe withUnsafeBufferPointer { a in
      unsafe other.withUnsafeBufferPointer { b in
        guard let a = a.baseAddress, let b = b.baseAddress else { return }
        while index + 8 <= count {
          // Eight elements from `index` on are inside both vectors.
          let x = unsafe UnsafeRawPointer(a + index).loadUnaligned(as: SIMD8<Float>.self)
          let y = unsafe UnsafeRawPointer(b + index).loadUnaligned(as: SIMD8<Float>.self)
          sums += x * y
          index += 8
        }
      }
    }
    var total = sums.sum()
    while index < count {
      total += self[index] * other[index]
      index += 1
    }
    return total
  }
}

extension MutableSpan where Element == Float {
  /// Adds the elements of another vector, each times a factor, to those from `first` on, eight at a
  /// time.
  ///
  /// - Precondition: there are as many elements from `first` on, or more. As for the dot product, a
  ///   smaller number is a mistake in a policy's code and traps.
  public mutating func add(_ other: Span<Float>, times factor: Float, from first: Int = 0) {
    precondition(first >= 0 && other.count <= count - first, "room for the vector")
    let count = other.count
    unsafe withUnsafeMutableBufferPointer { target in
      unsafe other.withUnsafeBufferPointer { source in
        guard let start = target.baseAddress, let b = source.baseAddress else { return }
        let a = unsafe start + first
        var index = 0
        while index < count {
          // The helpers read and write only elements below `count`.
          let sum = unsafe Softmax.load(a, index, count) + Softmax.load(b, index, count) * factor
          unsafe Softmax.store(sum, a, index, count)
          index += 8
        }
      }
    }
  }
}
