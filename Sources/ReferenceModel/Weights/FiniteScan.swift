extension StoredTensor {
  /// Describes the first element or scale that is not finite; nil if every number is finite.
  ///
  /// Reads every element of a float type, but only the scales and offsets of a quantised type: a
  /// finite scale times a small integer is finite.
  func firstNonFinite() -> String? {
    guard let address = unsafe file.pointer(at: offset, bytes: bytes) else { return nil }
    let stride = type.blockBytes
    // `bytes` is a multiple of the block's size, so every load below stays inside the tensor.
    for block in 0..<bytes / stride {
      let start = unsafe address + block * stride
      let isFinite =
        switch type {
        case .f32: unsafe isFiniteSingle(start)
        case .f16: unsafe isFiniteHalf(start)
        case .bf16: unsafe isFiniteBrain(start)
        case .q8_0, .q4_0, .q5_0: unsafe isFiniteHalf(start)
        case .q4_1, .q5_1: unsafe isFiniteHalf(start) && isFiniteHalf(start + 2)
        }
      if !isFinite {
        let what = type.blockSize == 1 ? "element" : "the scale of block"
        return "\(what) \(block) is not a finite number"
      }
    }
    return nil
  }
}

// A float is infinite or NaN exactly when all its exponent bits are set.

private func isFiniteSingle(_ start: UnsafeRawPointer) -> Bool {
  let exponent: UInt32 = 0x7F80_0000
  return unsafe UInt32(littleEndian: start.loadUnaligned(as: UInt32.self)) & exponent != exponent
}

private func isFiniteHalf(_ start: UnsafeRawPointer) -> Bool {
  let exponent: UInt16 = 0x7C00
  return unsafe UInt16(littleEndian: start.loadUnaligned(as: UInt16.self)) & exponent != exponent
}

private func isFiniteBrain(_ start: UnsafeRawPointer) -> Bool {
  let exponent: UInt16 = 0x7F80
  return unsafe UInt16(littleEndian: start.loadUnaligned(as: UInt16.self)) & exponent != exponent
}
