/// Scratch memory that grows and is used again: no allocation once a session has seen its longest step.
///
/// It begins with a cache line, so that vectors which are read in order never straddle two.
@safe package final class FloatBuffer {
  // `base` holds `capacity` initialised floats; users ask for room before they index.
  @unsafe package private(set) var base: UnsafeMutablePointer<Float>
  private(set) var capacity: Int

  package init(_ count: Int = 0) {
    capacity = max(16, count)
    unsafe base = Self.allocate(capacity)
  }

  deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

  /// Room for `count` floats, whose contents are undefined. Grows by half so that a cache which grows
  /// by one row a step seldom moves.
  @unsafe package func room(_ count: Int) -> UnsafeMutablePointer<Float> {
    if count > capacity {
      unsafe UnsafeMutableRawPointer(base).deallocate()
      capacity = max(count, capacity * 3 / 2)
      unsafe base = Self.allocate(capacity)
    }
    return unsafe base
  }

  @unsafe private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Float> {
    let bytes = capacity * MemoryLayout<Float>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    let floats = unsafe memory.bindMemory(to: Float.self, capacity: capacity)
    unsafe floats.initialize(repeating: 0, count: capacity)
    return unsafe floats
  }
}
