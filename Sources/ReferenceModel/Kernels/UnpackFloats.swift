extension Kernels {
  /// `blocks` blocks of 32 elements.
  @unsafe @inline(__always)
  static func unpackBlocks<Format: FloatFormat>(
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
