/// Writes matrix row `row` of `matrix` as `matrix.columns` floats.
///
/// Plain loops that follow ggml's definition: one `Float` operation per step of the formula in
/// `TensorType`, in the formula's order, each rounded once. The fast kernels are tested against
/// this function, and it looks up embeddings.
///
/// - Parameters:
///   - row: in `0..<matrix.rows`.
///   - output: room for `matrix.columns` floats.
@unsafe package func dequantise(
  row: Int, of matrix: WeightMatrix, into output: UnsafeMutablePointer<Float>
) {
  precondition(row >= 0 && row < matrix.rows, "row \(row) of a matrix of \(matrix.rows) rows")
  // The matrix holds `rows × rowBytes` bytes (an invariant of `WeightMatrix`), so matrix row `row`
  // is inside the matrix, and block `index` of `columns / blockSize` is inside the matrix row.
  // `output` has room for `columns` floats.
  let start = unsafe matrix.base + row * matrix.rowBytes
  let type = matrix.type
  for index in 0..<matrix.columns / type.blockSize {
    let block = unsafe start + index * type.blockBytes
    let values = unsafe output + index * type.blockSize
    switch type {
    case .f32: unsafe values[0] = single(block)
    case .f16: unsafe values[0] = half(block, 0)
    case .bf16: unsafe values[0] = Float(bitPattern: UInt32(word(block, 0)) << 16)
    case .q8_0: unsafe expandQ8(block, into: values)
    case .q4_0: unsafe expandQ4(block, offset: nil, into: values)
    case .q4_1: unsafe expandQ4(block, offset: half(block, 2), into: values)
    case .q5_0: unsafe expandQ5(block, offset: nil, into: values)
    case .q5_1: unsafe expandQ5(block, offset: half(block, 2), into: values)
    }
  }
}

/// The single-precision number at the start of a block.
private func single(_ block: UnsafeRawPointer) -> Float {
  unsafe Float(bitPattern: UInt32(littleEndian: block.loadUnaligned(as: UInt32.self)))
}

/// The 16 bits at byte `offset` of a block.
private func word(_ block: UnsafeRawPointer, _ offset: Int) -> UInt16 {
  unsafe UInt16(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
}

/// The half-precision number at byte `offset` of a block, widened exactly.
private func half(_ block: UnsafeRawPointer, _ offset: Int) -> Float {
  unsafe Float(Float16(bitPattern: word(block, offset)))
}

/// Expands a Q8_0 block: a scale, then 32 signed bytes.
private func expandQ8(_ block: UnsafeRawPointer, into values: UnsafeMutablePointer<Float>) {
  let scale = unsafe half(block, 0)
  for element in 0..<32 {
    let quantum = unsafe block.load(fromByteOffset: 2 + element, as: Int8.self)
    unsafe values[element] = Float(quantum) * scale
  }
}

/// Expands a Q4 block: a scale, an offset in Q4_1 only, then 32 nibbles. Without an offset, nibble
/// 8 stands for zero.
private func expandQ4(
  _ block: UnsafeRawPointer, offset: Float?, into values: UnsafeMutablePointer<Float>
) {
  let scale = unsafe half(block, 0)
  let nibbles = unsafe block + (offset == nil ? 2 : 4)
  for byte in 0..<16 {
    let pair = unsafe Int(nibbles.load(fromByteOffset: byte, as: UInt8.self))
    unsafe values[byte] = value(pair & 15, zero: 8, scale: scale, offset: offset)
    unsafe values[byte + 16] = value(pair >> 4, zero: 8, scale: scale, offset: offset)
  }
}

/// Expands a Q5 block: as Q4, with the fifth bits in a 32-bit word before the nibbles. Bit `e`
/// belongs to element `e`.
private func expandQ5(
  _ block: UnsafeRawPointer, offset: Float?, into values: UnsafeMutablePointer<Float>
) {
  let scale = unsafe half(block, 0)
  let high = unsafe block + (offset == nil ? 2 : 4)
  let bits = unsafe Int(UInt32(littleEndian: high.loadUnaligned(as: UInt32.self)))
  for byte in 0..<16 {
    let pair = unsafe Int(high.load(fromByteOffset: 4 + byte, as: UInt8.self))
    let low = pair & 15 | (bits >> byte & 1) << 4
    let upper = pair >> 4 | (bits >> (byte + 16) & 1) << 4
    unsafe values[byte] = value(low, zero: 16, scale: scale, offset: offset)
    unsafe values[byte + 16] = value(upper, zero: 16, scale: scale, offset: offset)
  }
}

/// One element: `scale·quantum + offset`, or `scale·(quantum − zero)` without an offset.
private func value(_ quantum: Int, zero: Int, scale: Float, offset: Float?) -> Float {
  if let offset { return Float(quantum) * scale + offset }
  return Float(quantum - zero) * scale
}
