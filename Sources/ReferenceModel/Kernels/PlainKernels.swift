import Foundation

/// The definition of every kernel: simple loops in double precision, one element at a time.
///
/// Slow on purpose: the tests compare the kernels with these loops.
package enum PlainKernels {
  /// Element (`row`, `column`) of a stored matrix, straight from the definition of its type.
  package static func element(_ w: WeightMatrix, row: Int, column: Int) -> Double {
    let (scale, integer, offset) = parts(w, row: row, column: column)
    return scale * integer + offset
  }

  /// The parts of an element: `scale · integer + offset`. For float types the integer is the float
  /// itself and the scale is 1.
  static func parts(
    _ w: WeightMatrix, row: Int, column: Int
  ) -> (scale: Double, integer: Double, offset: Double) {
    precondition(
      row >= 0 && row < w.rows && column >= 0 && column < w.columns, "the element exists")
    let block = column / w.type.blockSize
    let j = column % w.type.blockSize
    // The address is inside the matrix: its bytes were checked when it was made.
    let p = unsafe w.base + row * w.rowBytes + block * w.type.blockBytes
    switch w.type {
    case .f32: return unsafe (1, Double(p.loadUnaligned(as: Float.self)), 0)
    case .f16: return unsafe (1, half(p, at: 0), 0)
    case .bf16:
      let bits = unsafe UInt32(p.loadUnaligned(as: UInt16.self)) << 16
      return (1, Double(Float(bitPattern: bits)), 0)
    case .q8_0:
      return unsafe (half(p, at: 0), Double(p.load(fromByteOffset: 2 + j, as: Int8.self)), 0)
    case .q4_0: return unsafe (half(p, at: 0), Double(nibble(p + 2, j) - 8), 0)
    case .q4_1: return unsafe (half(p, at: 0), Double(nibble(p + 4, j)), half(p, at: 2))
    case .q5_0:
      return unsafe (half(p, at: 0), Double(nibble(p + 6, j) + 16 * bit(p + 2, j) - 16), 0)
    case .q5_1:
      return unsafe (
        half(p, at: 0), Double(nibble(p + 8, j) + 16 * bit(p + 4, j)), half(p, at: 2)
      )
    }
  }

  /// `W·x`.
  package static func multiply(_ w: WeightMatrix, _ x: [Float]) -> [Double] {
    (0..<w.rows).map { row in
      (0..<w.columns).reduce(0) { $0 + element(w, row: row, column: $1) * Double(x[$1]) }
    }
  }

  /// `x / √(mean(x²) + ε) · weight`.
  package static func rmsNorm(_ x: [Float], weight: [Float], epsilon: Float) -> [Double] {
    let mean = x.reduce(0) { $0 + Double($1) * Double($1) } / Double(x.count)
    let factor = 1 / (mean + Double(epsilon)).squareRoot()
    return zip(x, weight).map { Double($0) * factor * Double($1) }
  }

  /// `silu(gate) · up`.
  package static func swiGLU(gate: [Float], up: [Float]) -> [Double] {
    zip(gate, up).map { Double($0) / (1 + exp(-Double($0))) * Double($1) }
  }

  /// Softmax; all zero when every logit is −∞.
  package static func softmax(_ x: [Float]) -> [Double] {
    guard let top = x.max(), top > -.infinity else { return x.map { _ in 0 } }
    let exponentials = x.map { exp(Double($0) - Double(top)) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }

  /// `A[m × k] · B[k × n]`, row-major without gaps.
  package static func product(_ a: [Float], _ b: [Float], m: Int, n: Int, k: Int) -> [Double] {
    (0..<m * n).map { index in
      (0..<k).reduce(0) { sum, depth in
        sum + Double(a[index / n * k + depth]) * Double(b[depth * n + index % n])
      }
    }
  }

  /// Rotates one head to a position; `pairs` names the two elements of each frequency.
  package static func rotate(
    _ x: [Float], position: Int, inverseFrequencies: [Float], pairs: (Int) -> (Int, Int)
  ) -> [Double] {
    var result = x.map(Double.init)
    for (index, frequency) in inverseFrequencies.enumerated() {
      let angle = Double(Float(position) * frequency)
      let (i, j) = pairs(index)
      result[i] = Double(x[i]) * cos(angle) - Double(x[j]) * sin(angle)
      result[j] = Double(x[j]) * cos(angle) + Double(x[i]) * sin(angle)
    }
    return result
  }

  @unsafe private static func half(_ p: UnsafeRawPointer, at offset: Int) -> Double {
    unsafe Double(p.loadUnaligned(fromByteOffset: offset, as: Float16.self))
  }

  /// Nibble `j` of 32: the lower half of byte j, or the upper half of byte j − 16.
  @unsafe private static func nibble(_ p: UnsafeRawPointer, _ j: Int) -> Int {
    let byte = unsafe Int(p.load(fromByteOffset: j % 16, as: UInt8.self))
    return j < 16 ? byte % 16 : byte / 16
  }

  /// Bit `j` of 32, counted from the lowest bit of the first byte.
  @unsafe private static func bit(_ p: UnsafeRawPointer, _ j: Int) -> Int {
    unsafe Int(p.load(fromByteOffset: j / 8, as: UInt8.self)) >> (j % 8) & 1
  }
}

/// The definition of `Arithmetic.integer`.
///
/// Computed in single precision, with each sum in the order of the kernels, so the kernels are
/// expected to give the same bits.
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
