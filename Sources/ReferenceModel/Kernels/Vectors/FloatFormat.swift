/// How a float type of weight matrices and cache rows is read: one element, eight elements, or a
/// block of 32.
///
/// Blocks may start at any address, because every load is unaligned. A matrix row may end inside a
/// block.
protocol FloatFormat {
  /// Bytes of one element.
  static var elementBytes: Int { get }
  /// Eight elements at `p`.
  @unsafe static func load8(_ p: UnsafeRawPointer) -> Float8
  /// One element at `p`.
  @unsafe static func load(_ p: UnsafeRawPointer) -> Float
}

extension FloatFormat {
  /// Unpacks the first `count` elements of the block in which a matrix row ends.
  @unsafe @inline(__always)
  static func unpackPart(
    _ p: UnsafeRawPointer, _ count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    for element in 0..<count { unsafe x[element] = load(p + element &* elementBytes) }
  }

  /// Bytes of 32 elements.
  @inline(__always) static var bytes: Int { 32 &* elementBytes }

  /// The 32 elements of the block at `p`, in order.
  @unsafe @inline(__always)
  static func unpack(_ p: UnsafeRawPointer) -> (Float8, Float8, Float8, Float8) {
    let step = 8 &* elementBytes
    return unsafe (
      load8(p), load8(p + step), load8(p + 2 &* step), load8(p + 3 &* step)
    )
  }
}

/// 32-bit floats.
enum F32Format: FloatFormat {
  @inline(__always) static var elementBytes: Int { 4 }

  @unsafe @inline(__always) static func load8(_ p: UnsafeRawPointer) -> Float8 {
    unsafe p.loadUnaligned(as: Float8.self)
  }

  @unsafe @inline(__always) static func load(_ p: UnsafeRawPointer) -> Float {
    unsafe p.loadUnaligned(as: Float.self)
  }
}

/// 16-bit floats.
enum F16Format: FloatFormat {
  @inline(__always) static var elementBytes: Int { 2 }

  @unsafe @inline(__always) static func load8(_ p: UnsafeRawPointer) -> Float8 {
    unsafe floats(p.loadUnaligned(as: SIMD8<Float16>.self))
  }

  @unsafe @inline(__always) static func load(_ p: UnsafeRawPointer) -> Float {
    unsafe Float(p.loadUnaligned(as: Float16.self))
  }
}

/// The upper halves of 32-bit floats.
enum BF16Format: FloatFormat {
  @inline(__always) static var elementBytes: Int { 2 }

  @unsafe @inline(__always) static func load8(_ p: UnsafeRawPointer) -> Float8 {
    unsafe floats(upperHalves: p.loadUnaligned(as: SIMD8<UInt16>.self))
  }

  @unsafe @inline(__always) static func load(_ p: UnsafeRawPointer) -> Float {
    unsafe Float(bitPattern: UInt32(p.loadUnaligned(as: UInt16.self)) &<< 16)
  }
}

extension Kernels {
  /// Unpacks `blocks` blocks of 32 elements.
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

  /// Unpacks `count` elements, in whole blocks and then one by one.
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
