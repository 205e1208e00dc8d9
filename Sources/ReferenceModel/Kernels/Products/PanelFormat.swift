import KVPolicyKit

/// Rows of a quantised matrix side by side, block by block: the layout that products read. A panel
/// has as many rows as two registers have floats: 16, or 32 with AVX-512.
///
/// In a file, a row's blocks follow each other, each with a scale. A product of one row then adds
/// up the elements of a register and fetches a scale for every 32 weights. Side by side, a register
/// holds one column of many rows: an input element is multiplied with all of them, scales are
/// vectors too, and no elements of a vector are added up. A block of a panel takes the same bytes
/// as the blocks in the file. With sixteen rows:
///
///     16 scales │ 16 offsets, where the type has them │ 16 × 32 fifth bits, likewise │ integers
///     nibbles   word 0 of rows 0…15, word 1 of rows 0…15, … of the four 32-bit words a row has
///     bytes     column 0 of rows 0…15, column 1 of rows 0…15, …
///
/// Weights are `d·(q + bias) + m`. The product with 32 inputs is `d·(Σ q·x + bias·Σ x) + m·Σ x`,
/// where `Σ x` is computed once per input.
protocol PanelFormat {
  /// The tensor type whose blocks a panel holds.
  static var type: TensorType { get }
  /// The number added to the integers: −8, −16, or 0.
  static var bias: Float { get }
  /// `Σ q·x` over one block of each row.
  ///
  /// - Parameters:
  ///   - p: the block's integers, fifth bits included.
  ///   - x: 32 elements of the input, in the order and with the factors of `PanelInput`.
  @unsafe static func products(
    _ p: UnsafeRawPointer, _ x: UnsafePointer<Float>, masks: NibbleMasks
  ) -> (FloatVector, FloatVector)
  /// Calls `column` for every column of a block, with the column's index in the order of
  /// `products`, its number, its integers as floats for rows 0–7 and 8–15, and the power of two to
  /// multiply the floats by.
  @unsafe static func forEachColumn(
    _ p: UnsafeRawPointer, masks: NibbleMasks,
    _ column: (Int, Int, FloatVector, FloatVector, Float) -> Void)
}

/// The number of rows in a panel: the columns of a `ProductTile`.
enum PanelShape {
  static let rows = ProductTile.columns
}

extension PanelFormat {
  /// Bytes of a block of a panel.
  @inline(__always) static var bytes: Int { PanelShape.rows &* type.blockBytes }
  /// Bytes of a block of a panel before its integers.
  @inline(__always) static var headBytes: Int { PanelShape.rows &* type.headBytes }

  /// How many bytes before their use weights are prefetched: a core asks memory for too little by
  /// itself. Panels follow each other in memory; a prefetch past the last panel does nothing.
  @inline(__always) static var ahead: Int { 4096 }

  /// `W·x` for the rows of a panel of `blocks` blocks.
  @unsafe @inline(__always)
  static func multiply(
    _ panel: UnsafeRawPointer, blocks: Int, _ input: PanelInput
  ) -> (FloatVector, FloatVector) {
    let masks = NibbleMasks(zero: input.zero)
    var total = (FloatVector.zero, FloatVector.zero)
    var offsets = (FloatVector.zero, FloatVector.zero)
    var p = unsafe panel
    var block = 0
    while block < blocks {
      unsafe (p + ahead).ask(bytes: bytes)
      var sums = unsafe products(p + headBytes, input.x + block &* 32, masks: masks)
      if bias != 0 {
        let all = unsafe FloatVector(repeating: input.sums[block] * bias)
        sums = (sums.0 + all, sums.1 + all)
      }
      let d = unsafe scales(p)
      total = (multiplyAdd(sums.0, d.0, total.0), multiplyAdd(sums.1, d.1, total.1))
      if type.hasOffset {
        let m = unsafe scales(p + 2 &* PanelShape.rows)
        let sum = unsafe FloatVector(repeating: input.sums[block])
        offsets = (multiplyAdd(m.0, sum, offsets.0), multiplyAdd(m.1, sum, offsets.1))
      }
      unsafe p += bytes
      block &+= 1
    }
    return type.hasOffset ? (total.0 + offsets.0, total.1 + offsets.1) : total
  }

  /// Unpacks the weights of a panel, columns first: element (k, i) of `target` is row i's weight k.
  @unsafe @inline(__always)
  static func unpack(
    _ panel: UnsafeRawPointer, blocks: Int, zero: Int32, into target: UnsafeMutablePointer<Float>
  ) {
    let masks = NibbleMasks(zero: zero)
    let biases = FloatVector(repeating: bias)
    for block in 0..<blocks {
      let p = unsafe panel + block &* bytes
      let d = unsafe scales(p)
      let m = unsafe type.hasOffset ? scales(p + 2 &* PanelShape.rows) : (.zero, .zero)
      let columns = unsafe target + block &* 32 &* PanelShape.rows
      unsafe forEachColumn(p + headBytes, masks: masks) { _, column, first, second, unit in
        // The product is rounded before the sum, as the format defines it, so every build gives the
        // same weights.
        let place = unsafe columns + column &* PanelShape.rows
        unsafe storeVector(d.0 * (first * unit + biases) + m.0, place)
        unsafe storeVector(d.1 * (second * unit + biases) + m.1, place + vectorWidth)
      }
    }
  }

  /// The 16-bit floats at `p`, one for each row.
  @unsafe @inline(__always)
  static func scales(_ p: UnsafeRawPointer) -> (FloatVector, FloatVector) {
    unsafe (
      F16Format.loadVector(p), F16Format.loadVector(p + 2 &* vectorWidth)
    )
  }
}

extension TensorType {
  /// Whether a block has an offset beside its scale.
  @inline(__always) var hasOffset: Bool { self == .q4_1 || self == .q5_1 }
  /// Bytes of a block before its integers: a scale, and an offset.
  @inline(__always) var headBytes: Int { hasOffset ? 4 : 2 }
  /// Whether the integers of a block are nibbles, perhaps with a fifth bit stored separately.
  var isNibbles: Bool { blockSize > 1 && self != .q8_0 }
}
