extension Span where Element == Float {
  /// Eight elements from `index` on, for sums over many elements at a time; 0 where the vector has
  /// ended.
  ///
  /// - Precondition: `index` is an index of the vector, as for an element.
  @inlinable @inline(__always)
  public func eight(from index: Int) -> SIMD8<Float> {
    precondition(index >= 0 && index < count, "no such element")
    guard index + 8 <= count else { return rest(from: index) }
    return unsafe withUnsafeBufferPointer { vector in
      // Eight elements from `index` on are inside the vector.
      unsafe UnsafeRawBufferPointer(vector)
        .loadUnaligned(fromByteOffset: 4 * index, as: SIMD8<Float>.self)
    }
  }

  /// The last elements, fewer than eight, and zeros.
  @usableFromInline @inline(never)
  func rest(from index: Int) -> SIMD8<Float> {
    var rest = SIMD8<Float>.zero
    for element in index..<count { rest[element - index] = self[element] }
    return rest
  }

  /// The dot product of two vectors of the same length, eight elements at a time.
  ///
  /// - Precondition: both vectors have the same number of elements. A policy calls this for vectors
  ///   of one lane, so another number is a mistake in its code and traps.
  @inlinable
  public func dot(_ other: Span<Float>) -> Float {
    precondition(count == other.count, "two vectors of one length")
    var (sums, index) = (SIMD8<Float>.zero, 0)
    while index < count {
      sums += eight(from: index) * other.eight(from: index)
      index += 8
    }
    return sums.sum()
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
