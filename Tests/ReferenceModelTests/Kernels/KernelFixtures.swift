import ReferenceModel
import Testing

/// Reproducible random numbers: the upper bits of a linear congruential generator.
struct Numbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// A number below `bound`.
  mutating func below(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }

  /// A float in −1...1.
  mutating func float() -> Float { Float(below(2_000_001) - 1_000_000) / 1_000_000 }

  /// `count` floats in −1...1.
  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in float() } }
}

/// The bytes of a made-up matrix, starting at an odd multiple of two: the worst alignment that
/// files have.
@safe final class WeightBytes: Sendable {
  let count: Int
  nonisolated(unsafe) private let storage: UnsafeMutableRawPointer

  init(count: Int, byte: (Int) -> UInt8) {
    self.count = count
    unsafe storage = .allocate(byteCount: count + 2, alignment: 64)
    for index in 0..<count {
      unsafe storage.storeBytes(of: byte(index), toByteOffset: index + 2, as: UInt8.self)
    }
  }

  deinit { unsafe storage.deallocate() }

  /// The bytes as a matrix, ready for products.
  func matrix(_ type: TensorType, rows: Int, columns: Int) -> WeightMatrix {
    let matrix = unsafe WeightMatrix(
      type: type, rows: rows, columns: columns, base: storage + 2, owner: self)
    return matrix.inPanels(team: ThreadTeam(threads: 1))
  }
}

/// A matrix of `type` with random contents: quantised integers over their whole range, scales,
/// offsets and floats of either sign below 2 in size.
func randomMatrix(_ type: TensorType, rows: Int, columns: Int, seed: UInt64) -> WeightMatrix {
  var numbers = Numbers(seed: seed)
  var bytes: [UInt8] = []
  for _ in 0..<rows * columns / type.blockSize {
    switch type {
    case .f32: append(numbers.float().bitPattern, to: &bytes)
    case .f16: append(Float16(numbers.float()).bitPattern, to: &bytes)
    case .bf16: append(UInt16(numbers.float().bitPattern >> 16), to: &bytes)
    case .q8_0, .q4_0, .q5_0:
      append(Float16(numbers.float()).bitPattern, to: &bytes)
      for _ in 2..<type.blockBytes { bytes.append(UInt8(numbers.below(256))) }
    case .q4_1, .q5_1:
      append(Float16(numbers.float()).bitPattern, to: &bytes)
      append(Float16(numbers.float()).bitPattern, to: &bytes)
      for _ in 4..<type.blockBytes { bytes.append(UInt8(numbers.below(256))) }
    }
  }
  let contents = bytes
  return WeightBytes(count: contents.count) { contents[$0] }
    .matrix(type, rows: rows, columns: columns)
}

private func append<Bits: FixedWidthInteger>(_ bits: Bits, to bytes: inout [UInt8]) {
  for byte in 0..<Bits.bitWidth / 8 {
    bytes.append(UInt8(truncatingIfNeeded: bits >> Bits(8 * byte)))
  }
}

/// Column counts to try: the tails of every loop for the float types, whole blocks for the others.
func columnCounts(_ type: TensorType) -> [Int] {
  type.blockSize == 1 ? [1, 7, 8, 45, 103] : [32, 96, 160]
}

/// Expects `actual` to equal `expected` up to rounding. Single precision carries an error of some
/// units of `scale`, the sum of the magnitudes of the added terms.
func expectClose(
  _ actual: [Float], _ expected: [Double], scale: [Double], _ comment: Comment,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual.count == expected.count, sourceLocation: sourceLocation)
  for index in expected.indices {
    let error = abs(Double(actual[index]) - expected[index])
    // Sums of up to some hundred terms: far fewer than 16 consecutive roundings per vector element,
    // 2⁻²⁴ each.
    guard error <= scale[index] * 0x1p-20 else {
      Issue.record(
        "\(comment): element \(index) is \(actual[index]), not \(expected[index])",
        sourceLocation: sourceLocation)
      return
    }
  }
}

/// The floats that `body` writes to the `count` floats it is given. Guards follow them, and the
/// test expects the guards to survive.
@safe func computed(
  _ count: Int, startingFrom initial: Float = .nan,
  _ body: (UnsafeMutablePointer<Float>) -> Void
) -> [Float] {
  let sentinel: Float = 12_345
  var output = [Float](repeating: initial, count: count) + [Float](repeating: sentinel, count: 16)
  unsafe output.withUnsafeMutableBufferPointer { buffer in
    if let base = buffer.baseAddress { unsafe body(base) }
  }
  #expect(output[count...].allSatisfy { $0 == sentinel }, "nothing is written past the end")
  return Array(output[..<count])
}

/// Per matrix row, the sum of the magnitudes of everything that a product may add up. For types
/// with an offset, the terms `d·q·x` and `m·x` may cancel; twice the largest element of a block
/// bounds each of them.
func sizes(_ w: WeightMatrix, _ x: [Float]) -> [Double] {
  let block = w.type.blockSize
  return (0..<w.rows).map { row in
    var sum = 0.0
    for first in stride(from: 0, to: w.columns, by: block) {
      var greatest = 0.0
      var inputs = 0.0
      for column in first..<first + block {
        greatest = max(greatest, abs(PlainKernels.element(w, row: row, column: column)))
        inputs += Double(abs(x[column]))
      }
      sum += (block == 1 ? 1 : 3) * greatest * inputs
    }
    return sum
  }
}
