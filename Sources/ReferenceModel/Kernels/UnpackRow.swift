extension Kernels {
  /// Row `row` of `w` as floats: `w.columns` of them at `x`.
  @unsafe package static func unpack(
    _ w: WeightMatrix, row: Int, into x: UnsafeMutablePointer<Float>
  ) {
    precondition(row >= 0 && row < w.rows, "the row is one of the matrix")
    let p = unsafe w.base + row &* w.rowBytes
    switch w.type {
    case .f32: unsafe unpackFloats(F32Format.self, p, w.columns, into: x)
    case .f16: unsafe unpackFloats(F16Format.self, p, w.columns, into: x)
    case .bf16: unsafe unpackFloats(BF16Format.self, p, w.columns, into: x)
    case .q8_0: unsafe unpackBlocks(Q8_0Format.self, p, w.columns / 32, into: x)
    case .q4_0: unsafe unpackBlocks(Q4_0Format.self, p, w.columns / 32, into: x)
    case .q4_1: unsafe unpackBlocks(Q4_1Format.self, p, w.columns / 32, into: x)
    case .q5_0: unsafe unpackBlocks(Q5_0Format.self, p, w.columns / 32, into: x)
    case .q5_1: unsafe unpackBlocks(Q5_1Format.self, p, w.columns / 32, into: x)
    }
  }

  /// `blocks` blocks of 32 elements.
  @unsafe @inline(__always)
  static func unpackBlocks<Format: WeightFormat>(
    _: Format.Type, _ p: UnsafeRawPointer, _ blocks: Int, into x: UnsafeMutablePointer<Float>
  ) {
    var block = 0
    while block < blocks {
      let values = unsafe Format.unpack(p + block &* Format.bytes)
      let target = unsafe x + block &* 32
      unsafe store8(values.0, target)
      unsafe store8(values.1, target + 8)
      unsafe store8(values.2, target + 16)
      unsafe store8(values.3, target + 24)
      block &+= 1
    }
  }

  /// `count` elements, in whole blocks and then one by one.
  @unsafe @inline(__always)
  static func unpackFloats<Format: FloatFormat>(
    _: Format.Type, _ p: UnsafeRawPointer, _ count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    unsafe unpackBlocks(Format.self, p, count / 32, into: x)
    let whole = count / 32 &* 32
    unsafe Format.unpackPart(
      p + whole &* Format.elementBytes, count &- whole, into: x + whole)
  }
}
