/// What `Arithmetic.integer` means.
///
/// In single precision, each sum in the order of the kernels: they are expected to give the same bits.
extension PlainKernels {
  /// A block of an input, rounded to bytes.
  struct Rounded: Equatable {
    var unit: Float
    var bytes: [Int]

    /// Rounds 32 finite elements.
    init(_ x: ArraySlice<Float>) {
      let top = x.reduce(0) { max($0, abs($1)) }
      let isZero = top < 0x1p-100
      unit = isZero ? 0 : top / 127
      bytes = x.map { isZero ? 0 : Int(($0 * (127 / top)).rounded(.toNearestOrEven)) }
    }
  }

  /// `W·x` of a quantised matrix.
  static func multiplyInIntegers(_ w: WeightMatrix, _ x: [Float]) -> [Float] {
    let blocks = stride(from: 0, to: w.columns, by: 32).map {
      (first: $0, x: Rounded(x[$0..<$0 + 32]))
    }
    return (0..<w.rows).map { row in
      blocks.reduce(0) { product, block in
        var (sum, total) = (0, 0)
        for (place, byte) in block.x.bytes.enumerated() {
          sum += Int(parts(w, row: row, column: block.first + place).integer) * byte
          total += byte
        }
        let (scale, _, offset) = parts(w, row: row, column: block.first)
        var product = product
        if w.type.hasOffset {
          product = multiplyAdd(Float(offset), block.x.unit * Float(total), product)
        }
        return multiplyAdd(Float(sum) * block.x.unit, Float(scale), product)
      }
    }
  }
}
