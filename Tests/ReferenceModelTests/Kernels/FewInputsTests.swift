import ReferenceModel
import Testing

@Test(
  "a few inputs give what the plain loop says, whoever is with them, on any threads",
  arguments: TensorType.allCases)
func fewInputs(type: TensorType) {
  for columns in columnCounts(type) {
    for rows in [1, 16, 35, 71] {
      let w = randomMatrix(type, rows: rows, columns: columns, seed: UInt64(rows * columns))
      var numbers = Numbers(seed: 6)
      let x = numbers.floats(11 * columns)
      let all = product(w, x, count: 11, threads: 2)
      for input in 0..<11 {
        let vector = Array(x[input * columns..<(input + 1) * columns])
        expectClose(
          Array(all[input * rows..<(input + 1) * rows]), PlainKernels.multiply(w, vector),
          scale: sizes(w, vector), "\(type) \(rows) × \(columns), input \(input)")
      }
      for count in 1...11 {
        let some = product(w, x, count: count, threads: count % 3 + 1)
        #expect(some == Array(all[..<(count * rows)]), "\(count) inputs")
      }
    }
  }
}

private func product(_ w: WeightMatrix, _ x: [Float], count: Int, threads: Int) -> [Float] {
  let team = ThreadTeam(threads: threads)
  let scratch = MatrixScratch(threads: team.threads)
  return computed(count * w.rows) {
    unsafe Kernels.multiply(
      MatrixGroup((w, $0)), few: x, count: count, scratch: scratch, team: team)
  }
}
