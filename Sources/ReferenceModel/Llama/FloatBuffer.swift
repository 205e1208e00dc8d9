/// Scratch memory that grows and is used again: no allocation once a session has seen its longest step.
@safe final class FloatBuffer {
  // `base` holds `capacity` initialised floats; users ask for room before they index.
  @unsafe private(set) var base: UnsafeMutablePointer<Float>
  private(set) var capacity: Int

  init(_ count: Int = 0) {
    capacity = max(16, count)
    unsafe base = .allocate(capacity: capacity)
    unsafe base.initialize(repeating: 0, count: capacity)
  }

  deinit { unsafe base.deallocate() }

  /// Room for `count` floats, whose contents are undefined. Grows by half so that a cache which grows
  /// by one row a step seldom moves.
  @unsafe func room(_ count: Int) -> UnsafeMutablePointer<Float> {
    if count > capacity {
      unsafe base.deallocate()
      capacity = max(count, capacity * 3 / 2)
      unsafe base = .allocate(capacity: capacity)
      unsafe base.initialize(repeating: 0, count: capacity)
    }
    return unsafe base
  }
}
