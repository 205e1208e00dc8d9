import Testing

@testable import ReferenceModel

private let quantised = TensorType.allCases.filter { $0.blockSize > 1 }

/// Inputs at the limits of a byte; see `named`.
private struct Inputs: CustomTestStringConvertible {
  let testDescription: String
  let element: @Sendable (Int, inout Numbers) -> Float

  static let all = [
    Inputs(testDescription: "random") { $1.float() },
    Inputs(testDescription: "zeros") { _, _ in 0 },
    Inputs(testDescription: "all greatest") { _, _ in 3 },
    Inputs(testDescription: "all least") { _, _ in -3 },
    Inputs(testDescription: "either end") { place, _ in place % 2 == 0 ? 3 : -3 },
    Inputs(testDescription: "one outlier") { place, numbers in
      place == 37 ? 3e38 : numbers.float()
    },
    Inputs(testDescription: "tiny") { _, numbers in numbers.float() * 0x1p-90 },
    Inputs(testDescription: "smaller than tiny") { _, numbers in numbers.float() * 0x1p-130 },
    Inputs(testDescription: "ties") { place, _ in place % 32 == 0 ? 127 : Float(place % 9) + 0.5 },
  ]

  func vector(_ count: Int) -> [Float] {
    var numbers = Numbers(seed: 12)
    return (0..<count).map { element($0, &numbers) }
  }
}

@Suite("Integer products")
struct IntegerProductTests {
  @Test("are those of the plain loop, bit for bit", arguments: quantised, Inputs.all)
  fileprivate func plain(type: TensorType, inputs: Inputs) {
    for columns in [32, 96, 160] {
      let x = inputs.vector(columns)
      // Matrices of one panel, two panels, and an odd number of panels; last panels of one matrix
      // row, and of nine.
      for rows in [1, 16, 25, 32, 35, 80] {
        let w = randomMatrix(type, rows: rows, columns: columns, seed: UInt64(rows * columns))
        let expected = PlainKernels.multiplyInIntegers(w, x)
        for threads in [1, 2] {
          #expect(products([w], x, threads: threads) == [expected], "\(rows) × \(columns)")
        }
      }
    }
  }

  @Test("hold the greatest sums", arguments: quantised, [UInt8(0x00), 0x7F, 0x80, 0xFF])
  func extremes(type: TensorType, byte: UInt8) {
    // Scales and offsets of 1, with all integers at their limits and all inputs too.
    let head: [UInt8] = type.hasOffset ? [0x00, 0x3C, 0x00, 0x3C] : [0x00, 0x3C]
    let w = WeightBytes(count: 2 * type.blockBytes) {
      let place = $0 % type.blockBytes
      return place < head.count ? head[place] : byte
    }.matrix(type, rows: 1, columns: 64)
    for sign: Float in [1, -1] {
      let x = [Float](repeating: sign * 127, count: 64)
      let sum = (0..<64).reduce(0) { $0 + PlainKernels.element(w, row: 0, column: $1) }
      #expect(products([w], x, threads: 1) == [[Float(sum) * sign * 127]])
    }
  }

  @Test("are near those of floats", arguments: quantised)
  func error(type: TensorType) {
    let w = randomMatrix(type, rows: 40, columns: 320, seed: 1)
    let x = Inputs.all[0].vector(320)
    let exact = PlainKernels.multiply(w, x)
    for (row, product) in products([w], x, threads: 1)[0].enumerated() {
      // Every input is off by half a unit, which is a 127th of at most 1, plus a float rounding.
      let bound = (0..<320).reduce(0) {
        $0 + abs(PlainKernels.element(w, row: row, column: $1)) * 0.5001 / 127
      }
      #expect(abs(Double(product) - exact[row]) <= bound)
    }
  }

  @Test("of several inputs are those of each alone, on any threads", arguments: quantised)
  func fewInputs(type: TensorType) {
    let w = randomMatrix(type, rows: 83, columns: 96, seed: 2)
    let x = Inputs.all[0].vector(9 * 96)
    let alone = (0..<9).flatMap { input in
      products([w], Array(x[input * 96..<(input + 1) * 96]), threads: 1)[0]
    }
    for count in 1...9 {
      let some = products([w], Array(x[..<(count * 96)]), threads: count % 3 + 1)
      #expect(some == [Array(alone[..<(count * 83)])], "\(count) inputs")
    }
  }

  @Test("of matrices that share an input are those of each alone, floats' among them")
  func sharedInput() {
    let types: [TensorType] = [.q4_1, .f16, .q8_0]
    let matrices = zip(types, [33, 50, 20]).map {
      randomMatrix($0, rows: $1, columns: 64, seed: UInt64($1))
    }
    let x = Inputs.all[0].vector(3 * 64)
    let alone = matrices.map { products([$0], x, threads: 1)[0] }
    for threads in [1, 2] { #expect(products(matrices, x, threads: threads) == alone) }
    expectClose(
      Array(alone[1][..<50]), PlainKernels.multiply(matrices[1], Array(x[..<64])),
      scale: sizes(matrices[1], Array(x[..<64])), "floats stay floats")
  }

  @Test(
    "with something infinite or not a number are not numbers, and others' are not touched",
    arguments: quantised, [Float.infinity, -.infinity, .nan])
  func notFinite(type: TensorType, poison: Float) {
    let w = randomMatrix(type, rows: 20, columns: 64, seed: 4)
    var x = Inputs.all[0].vector(2 * 64)
    let sound = products([w], x, threads: 1)[0]
    x[40] = poison
    let poisoned = products([w], x, threads: 1)[0]
    #expect(poisoned[..<20].allSatisfy { $0.isNaN })
    #expect(poisoned[20...] == sound[20...])
  }
}

@Suite("The instructions of integer products and their plain loops")
struct ByteProductTests {
  @Test("give the same sums")
  func pairs() {
    var numbers = Numbers(seed: 3)
    for round in 0..<2000 {
      // Up to 31 times ±127, as in real products; every other round uses the limits.
      let q = WordVector(bytes: { round % 2 == 0 ? 31 : UInt8(numbers.below(32)) })
      let x = WordVector(bytes: {
        let byte = round % 2 == 0 ? numbers.below(2) * 254 - 127 : numbers.below(255) - 127
        return UInt8(bitPattern: Int8(byte))
      })
      var (sums, plain) = (ByteProducts.Sums.zero, IntVector.zero)
      ByteProducts.add(q, x, to: &sums)
      PlainByteProducts.add(q, x, to: &plain)
      #expect(ByteProducts.widened(sums) == plain)
    }
  }

  @Test("give the same sums of columns, of the least byte too")
  func columns() {
    var numbers = Numbers(seed: 5)
    for round in 0..<2000 {
      let bytes = (0..<2 * PanelShape.rows).map { _ in
        round % 2 == 0 ? Int8(numbers.below(2) * 255 - 128) : Int8(numbers.below(256) - 128)
      }
      let x = SIMD2(Int8(numbers.below(255) - 127), Int8(numbers.below(255) - 127))
      unsafe bytes.withUnsafeBytes { bytes in
        guard let p = bytes.baseAddress else { return }
        let (fast, plain) = unsafe (ByteProducts.columns(p, x), PlainByteProducts.columns(p, x))
        #expect(fast == plain)
      }
    }
  }
}

extension WordVector {
  /// Bytes, four to a vector element.
  fileprivate init(bytes: () -> UInt8) {
    self = .zero
    for lane in indices {
      for _ in 0..<4 { self[lane] = self[lane] << 8 | UInt32(bytes()) }
    }
  }
}

/// The products of each matrix with as many inputs as `x` holds.
private func products(_ matrices: [WeightMatrix], _ x: [Float], threads: Int) -> [[Float]] {
  let team = ThreadTeam(threads: threads)
  let scratch = MatrixScratch(threads: team.threads)
  let count = x.count / matrices[0].columns
  let sizes = matrices.map { $0.rows * count }
  let all = computed(sizes.reduce(0, +)) { y in
    let second = unsafe matrices.count > 1 ? (w: matrices[1], y: y + sizes[0]) : nil
    let third = unsafe matrices.count > 2 ? (w: matrices[2], y: y + sizes[0] + sizes[1]) : nil
    unsafe Kernels.multiplyInIntegers(
      MatrixGroup((matrices[0], y), second, third), x, count: count, scratch: scratch, team: team)
  }
  var start = 0
  return sizes.map { size in
    defer { start += size }
    return Array(all[start..<start + size])
  }
}
