import KVPolicyKit

/// How an attention kernel reads stored keys and values.
///
/// Rows start at any address: every load is unaligned.
protocol LaneFormat {
  /// The `vectorWidth` elements of the row at `row` from `element` on, a multiple of that width.
  @unsafe static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector
  /// One element of a row.
  @unsafe static func load(_ row: UnsafeRawPointer, at element: Int) -> Float
}

extension LaneFormat where Self: FloatFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    unsafe loadVector(row + element &* elementBytes)
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    unsafe load(row + element &* elementBytes)
  }
}

extension F32Format: @unsafe LaneFormat {}
extension F16Format: @unsafe LaneFormat {}

/// Rows in `RowFormat.q8_0`. An element is its byte times the scale; the product is exact in 32
/// bits.
enum Q8Rows: @unsafe LaneFormat {
  @unsafe @inline(__always)
  static func loadVector(_ row: UnsafeRawPointer, at element: Int) -> FloatVector {
    let block = unsafe row + element / 32 &* 34
    let scale = unsafe Float(block.loadUnaligned(as: Float16.self))
    let bytes = unsafe (block + 2 + element % 32).loadUnaligned(as: ByteVector.self)
    return floats(integers(bytes)) * FloatVector(repeating: scale)
  }

  @unsafe @inline(__always)
  static func load(_ row: UnsafeRawPointer, at element: Int) -> Float {
    unsafe RowFormat.q8_0.element(element, of: row)
  }

  /// Unpacks a row of `count` elements, a multiple of 32.
  @unsafe static func unpack(
    _ row: UnsafeRawPointer, count: Int, into x: UnsafeMutablePointer<Float>
  ) {
    var element = 0
    while element < count {
      unsafe storeVector(loadVector(row, at: element), x + element)
      element &+= vectorWidth
    }
  }
}
