/// How a float type of weight matrices and cache rows is read: one element, or a register of them.
///
/// Blocks may start at any address, because every load is unaligned. A matrix row may end inside a
/// block.
protocol FloatFormat {
  /// Bytes of one element.
  static var elementBytes: Int { get }
  /// The `vectorWidth` elements at `p`.
  @unsafe static func loadVector(_ p: UnsafeRawPointer) -> FloatVector
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
}

/// 32-bit floats.
enum F32Format: FloatFormat {
  @inline(__always) static var elementBytes: Int { 4 }

  @unsafe @inline(__always) static func loadVector(_ p: UnsafeRawPointer) -> FloatVector {
    unsafe p.loadUnaligned(as: FloatVector.self)
  }

  @unsafe @inline(__always) static func load(_ p: UnsafeRawPointer) -> Float {
    unsafe p.loadUnaligned(as: Float.self)
  }
}

/// 16-bit floats.
enum F16Format: FloatFormat {
  @inline(__always) static var elementBytes: Int { 2 }

  @unsafe @inline(__always) static func loadVector(_ p: UnsafeRawPointer) -> FloatVector {
    unsafe floats(p.loadUnaligned(as: HalfVector.self))
  }

  @unsafe @inline(__always) static func load(_ p: UnsafeRawPointer) -> Float {
    unsafe Float(p.loadUnaligned(as: Float16.self))
  }
}

/// The upper halves of 32-bit floats.
enum BF16Format: FloatFormat {
  @inline(__always) static var elementBytes: Int { 2 }

  @unsafe @inline(__always) static func loadVector(_ p: UnsafeRawPointer) -> FloatVector {
    unsafe floats(upperHalves: p.loadUnaligned(as: ShortVector.self))
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
    var element = 0
    while element < 32 &* blocks {
      unsafe storeVector(Format.loadVector(p + element &* Format.elementBytes), x + element)
      element &+= vectorWidth
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
