import KVPolicyKit

/// How an attention kernel reads stored keys and values.
///
/// Rows start at any address: every load is unaligned.
protocol LaneFormat {
  /// What reading some elements of a row needs.
  associatedtype Block
  /// The block of 32 elements that begins with element `element` of the row at `row`. That is a multiple
  /// of 32; for the float types any element, and a block may be shorter.
  @unsafe static func block(_ row: UnsafeRawPointer, at element: Int) -> Block
  /// Eight elements of a block from `offset` on, a multiple of eight.
  @unsafe static func load8(_ block: Block, at offset: Int) -> Float8
  /// One element of a row.
  @unsafe static func load(_ row: UnsafeRawPointer, at element: Int) -> Float
  /// Up to three vectors `q` with four keys: see `DotTile`.
  @unsafe static func dots(
    height: Int, q: UnsafePointer<Float>, stride: Int,
    k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), depth: Int
  ) -> DotTile
}

extension LaneFormat where Self: FloatFormat {
  @unsafe @inline(__always)
  static func block(_ row: UnsafeRawPointer, at element: Int) -> UnsafeRawPointer {
    unsafe row + element &* elementBytes
  }

  @unsafe @inline(__always)
  static func load8(_ block: UnsafeRawPointer, at offset: Int) -> Float8 {
    unsafe load8(block + offset &* elementBytes)
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    unsafe load(row + element &* elementBytes)
  }

  @unsafe @inline(__always)
  static func dots(
    height: Int, q: UnsafePointer<Float>, stride: Int,
    k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), depth: Int
  ) -> DotTile {
    unsafe DotTile(Self.self, height: height, q: q, stride: stride, k: k, depth: depth)
  }
}

extension F32Format: @unsafe LaneFormat {}
extension F16Format: @unsafe LaneFormat {}

/// Rows in `RowFormat.q8_0`. An element is its byte times the scale, which is exact in 32 bits.
enum Q8Rows: @unsafe LaneFormat {
  /// A scale in every lane, and where the 32 bytes are.
  @unsafe struct Block {
    let scale: Float8
    let bytes: UnsafeRawPointer
  }

  @unsafe @inline(__always)
  static func block(_ row: UnsafeRawPointer, at element: Int) -> Block {
    let p = unsafe row + element / 32 &* 34
    return unsafe Block(
      scale: Float8(repeating: Float(p.loadUnaligned(as: Float16.self))), bytes: p + 2)
  }

  @unsafe @inline(__always)
  static func load8(_ block: Block, at offset: Int) -> Float8 {
    let bytes = unsafe (block.bytes + offset).loadUnaligned(as: SIMD8<Int8>.self)
    return unsafe floats(integers(bytes)) * block.scale
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    unsafe RowFormat.q8_0.element(element, of: row)
  }

  @unsafe @inline(__always)
  static func dots(
    height: Int, q: UnsafePointer<Float>, stride: Int,
    k: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), depth: Int
  ) -> DotTile {
    unsafe DotTile(blocks: k, height: height, q: q, stride: stride, depth: depth)
  }

  /// A row of `count` elements, a multiple of 32, as floats.
  @unsafe static func unpack(
    _ row: UnsafeRawPointer, count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    var element = 0
    while element < count {
      let block = unsafe block(row, at: element)
      unsafe store8(load8(block, at: 0), x + element)
      unsafe store8(load8(block, at: 8), x + element + 8)
      unsafe store8(load8(block, at: 16), x + element + 16)
      unsafe store8(load8(block, at: 24), x + element + 24)
      element &+= 32
    }
  }
}
