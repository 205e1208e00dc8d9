/// Reusable scratch memory that grows: nothing is allocated once a session has seen its longest
/// step.
///
/// It begins at a cache line, so that vectors read in order never straddle two cache lines.
@safe package final class FloatBuffer {
  // `base` holds `capacity` initialised floats; callers ask for `room` before they index.
  @unsafe package private(set) var base: UnsafeMutablePointer<Float>
  private(set) var capacity: Int
  /// All floats, which are valid until the next call of `room`.
  @unsafe var memory: UnsafeMutableBufferPointer<Float> {
    unsafe UnsafeMutableBufferPointer(start: base, count: capacity)
  }
  package init(_ count: Int = 0) {
    capacity = max(16, count)
    unsafe base = Self.allocate(capacity)
  }

  deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

  /// Makes room for `count` floats, whose contents are undefined.
  ///
  /// Grows by half, so that a cache which gains one row a step seldom reallocates.
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
