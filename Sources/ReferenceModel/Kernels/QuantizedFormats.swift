/// The 32 nibbles of the 16 bytes at `p`: lower halves are elements 0–15, upper halves 16–31, the
/// latter times 16.
@unsafe @inline(__always)
private func nibbles(
  _ p: UnsafeRawPointer, _ masks: NibbleMasks
) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
  let first = unsafe integers(p.loadUnaligned(as: SIMD8<UInt8>.self))
  let second = unsafe integers((p + 8).loadUnaligned(as: SIMD8<UInt8>.self))
  return (
    first & masks.lower, second & masks.lower, first & masks.upper, second & masks.upper
  )
}

/// The nibbles at `p`, each with the bit of `high` that has its number as its fifth bit; elements
/// 16–31 times 16.
@unsafe @inline(__always)
private func fiveBits(
  _ p: UnsafeRawPointer, high: UnsafeRawPointer, _ masks: NibbleMasks
) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
  let q = unsafe nibbles(p, masks)
  let word = unsafe UInt32(littleEndian: high.loadUnaligned(as: UInt32.self))
  let bits = SIMD8<Int32>(repeating: Int32(bitPattern: word))
  // Bit j < 16 goes to place 4: left by 4, then right by j. Bit j ≥ 16 goes to place 8: right by
  // j − 8. Copies of the sign do no harm, for only the one place is kept.
  let raised = bits &<< 4
  let lane = masks.lanes
  return (
    q.0 | ((raised &>> lane) & 0x10), q.1 | ((raised &>> (lane &+ 8)) & 0x10),
    q.2 | ((bits &>> (lane &+ 8)) & 0x100), q.3 | ((bits &>> (lane &+ 16)) & 0x100)
  )
}

/// Eight signed bytes.
@unsafe @inline(__always)
private func signed(_ p: UnsafeRawPointer) -> SIMD8<Int32> {
  unsafe integers(p.loadUnaligned(as: SIMD8<Int8>.self))
}

/// 32 signed bytes and a scale.
enum Q8_0Format: QuantizedFormat {
  @inline(__always) static var bytes: Int { 34 }
  @inline(__always) static var hasOffset: Bool { false }
  @inline(__always) static var bias: Float { 0 }
  @inline(__always) static var upperUnit: Float { 1 }

  @unsafe @inline(__always)
  static func integers(
    _ p: UnsafeRawPointer, masks: NibbleMasks
  ) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
    unsafe (signed(p + 2), signed(p + 10), signed(p + 18), signed(p + 26))
  }
}

/// 32 nibbles and a scale.
enum Q4_0Format: NibbleFormat {
  @inline(__always) static var nibbleOffset: Int { 2 }
  @inline(__always) static var bytes: Int { 18 }
  @inline(__always) static var hasOffset: Bool { false }
  @inline(__always) static var bias: Float { -8 }
  @inline(__always) static var upperUnit: Float { 16 }

  @unsafe @inline(__always)
  static func integers(
    _ p: UnsafeRawPointer, masks: NibbleMasks
  ) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
    unsafe nibbles(p + 2, masks)
  }
}

/// 32 nibbles, a scale and an offset.
enum Q4_1Format: NibbleFormat {
  @inline(__always) static var nibbleOffset: Int { 4 }
  @inline(__always) static var bytes: Int { 20 }
  @inline(__always) static var hasOffset: Bool { true }
  @inline(__always) static var bias: Float { 0 }
  @inline(__always) static var upperUnit: Float { 16 }

  @unsafe @inline(__always)
  static func integers(
    _ p: UnsafeRawPointer, masks: NibbleMasks
  ) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
    unsafe nibbles(p + 4, masks)
  }
}

/// 32 five-bit integers and a scale.
enum Q5_0Format: QuantizedFormat {
  @inline(__always) static var bytes: Int { 22 }
  @inline(__always) static var hasOffset: Bool { false }
  @inline(__always) static var bias: Float { -16 }
  @inline(__always) static var upperUnit: Float { 16 }

  @unsafe @inline(__always)
  static func integers(
    _ p: UnsafeRawPointer, masks: NibbleMasks
  ) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
    unsafe fiveBits(p + 6, high: p + 2, masks)
  }
}

/// 32 five-bit integers, a scale and an offset.
enum Q5_1Format: QuantizedFormat {
  @inline(__always) static var bytes: Int { 24 }
  @inline(__always) static var hasOffset: Bool { true }
  @inline(__always) static var bias: Float { 0 }
  @inline(__always) static var upperUnit: Float { 16 }

  @unsafe @inline(__always)
  static func integers(
    _ p: UnsafeRawPointer, masks: NibbleMasks
  ) -> (SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>, SIMD8<Int32>) {
    unsafe fiveBits(p + 8, high: p + 4, masks)
  }
}
