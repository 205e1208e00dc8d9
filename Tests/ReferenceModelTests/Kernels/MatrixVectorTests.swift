import ReferenceModel
import Testing

/// Sizes that take every path: one matrix row, and fewer and more matrix rows than a thread takes
/// at once.
private let rowCounts = [1, 16, 35, 71]

@Test("a matrix times a vector is what the plain loop says", arguments: TensorType.allCases)
func matrixVector(type: TensorType) {
  let team = ThreadTeam(threads: 2)
  let scratch = MatrixScratch(threads: team.threads)
  for columns in columnCounts(type) {
    for rows in rowCounts {
      let w = randomMatrix(type, rows: rows, columns: columns, seed: UInt64(rows * columns))
      var numbers = Numbers(seed: 5)
      let x = numbers.floats(columns)
      let y = computed(rows) {
        unsafe Kernels.multiply(w, x, into: $0, scratch: scratch, team: team)
      }
      expectClose(
        y, PlainKernels.multiply(w, x), scale: sizes(w, x), "\(type) \(rows) × \(columns)")
    }
  }
}

@Test("unit vectors give the elements of a matrix of any type", arguments: TensorType.allCases)
func elements(type: TensorType) {
  let team = ThreadTeam(threads: 1)
  let scratch = MatrixScratch(threads: team.threads)
  for columns in columnCounts(type) {
    let w = randomMatrix(type, rows: 19, columns: columns, seed: UInt64(columns))
    var units = [Float](repeating: 0, count: columns * columns)
    for column in 0..<columns { units[column * columns + column] = 1 }
    let y = computed(19 * columns) {
      unsafe Kernels.multiply(
        w, inputs: units, count: columns, into: $0, scratch: scratch, team: team)
    }
    for row in 0..<19 {
      for column in 0..<columns {
        let error = Double(y[column * 19 + row]) - PlainKernels.element(w, row: row, column: column)
        // One product and one sum, each rounded once.
        #expect(abs(error) <= 40 * 0x1p-24, "\(type), \(row), \(column) of \(columns)")
      }
    }
  }
}

@Test("every number of threads gives the same bits", arguments: TensorType.allCases)
func threadsDoNotMatter(type: TensorType) {
  let w = randomMatrix(type, rows: 203, columns: 160, seed: 3)
  var numbers = Numbers(seed: 4)
  let x = numbers.floats(160 * 5)
  let results = [1, 2, 3, 5].map { threads in
    let team = ThreadTeam(threads: threads)
    let scratch = MatrixScratch(threads: team.threads)
    let one = computed(203) {
      unsafe Kernels.multiply(w, x, into: $0, scratch: scratch, team: team)
    }
    let many = computed(203 * 5) {
      unsafe Kernels.multiply(w, inputs: x, count: 5, into: $0, scratch: scratch, team: team)
    }
    return (one + many).map(\.bitPattern)
  }
  #expect(results.allSatisfy { $0 == results[0] })
}

@Test("matrices that share an input give what each gives alone")
func sharedInput() {
  let team = ThreadTeam(threads: 2)
  let scratch = MatrixScratch(threads: team.threads)
  let types: [TensorType] = [.q4_1, .q8_0, .f16]
  let matrices = zip(types, [33, 20, 65]).map {
    randomMatrix($0, rows: $1, columns: 64, seed: UInt64($1))
  }
  var numbers = Numbers(seed: 9)
  let x = numbers.floats(64)
  let alone = matrices.map { w in
    computed(w.rows) { unsafe Kernels.multiply(w, x, into: $0, scratch: scratch, team: team) }
  }
  let two = computed(33 + 20) { y in
    unsafe Kernels.multiply(
      MatrixGroup((matrices[0], y), (matrices[1], y + 33)), x, scratch: scratch, team: team)
  }
  let three = computed(33 + 20 + 65) { y in
    unsafe Kernels.multiply(
      MatrixGroup((matrices[0], y), (matrices[1], y + 33), (matrices[2], y + 53)), x,
      scratch: scratch, team: team)
  }
  #expect(two == alone[0] + alone[1])
  #expect(three == alone[0] + alone[1] + alone[2])
}

@Test("a product with many inputs is what the plain loop says", arguments: TensorType.allCases)
func matrixMatrix(type: TensorType) {
  let team = ThreadTeam(threads: 2)
  let scratch = MatrixScratch(threads: 2)
  for columns in columnCounts(type) {
    for (rows, count) in [(1, 1), (16, 6), (35, 13)] {
      let w = randomMatrix(type, rows: rows, columns: columns, seed: UInt64(rows + columns))
      var numbers = Numbers(seed: 6)
      let x = numbers.floats(columns * count)
      let y = computed(rows * count) {
        unsafe Kernels.multiply(w, inputs: x, count: count, into: $0, scratch: scratch, team: team)
      }
      for input in 0..<count {
        let part = Array(x[input * columns..<(input + 1) * columns])
        expectClose(
          Array(y[input * rows..<(input + 1) * rows]), PlainKernels.multiply(w, part),
          scale: sizes(w, part), "\(type) \(rows) × \(columns), input \(input) of \(count)")
      }
    }
  }
}

@Test("what an input gives does not depend on the inputs beside it", arguments: TensorType.allCases)
func chunksDoNotMatter(type: TensorType) {
  let team = ThreadTeam(threads: 2)
  let scratch = MatrixScratch(threads: 2)
  let w = randomMatrix(type, rows: 20, columns: 64, seed: 8)
  var numbers = Numbers(seed: 7)
  let x = numbers.floats(64 * 11)
  func products(_ range: Range<Int>) -> [UInt32] {
    let inputs = Array(x[range.lowerBound * 64..<range.upperBound * 64])
    return computed(range.count * 20) {
      unsafe Kernels.multiply(
        w, inputs: inputs, count: range.count, into: $0, scratch: scratch, team: team)
    }.map(\.bitPattern)
  }
  #expect(products(0..<11) == products(0..<1) + products(1..<4) + products(4..<11))
}

@Test("the largest scales and integers do not overflow", arguments: TensorType.allCases)
func extremes(type: TensorType) {
  // Every byte is 0x7B: the largest finite halves begin with this byte, and all integers are large.
  let columns = 64
  let size = columns / type.blockSize * type.blockBytes
  let w = WeightBytes(count: size) { _ in 0x7B }.matrix(type, rows: 1, columns: columns)
  let x = (0..<columns).map { Float($0 % 2 == 0 ? 1 : -0.5) }
  let (team, scratch) = (ThreadTeam(threads: 1), MatrixScratch(threads: 1))
  let y = computed(1) { unsafe Kernels.multiply(w, x, into: $0, scratch: scratch, team: team) }
  expectClose(y, PlainKernels.multiply(w, x), scale: sizes(w, x), "\(type)")
  #expect(y[0].isFinite)
}
