import Testing

@testable import ReferenceModel

@Test("eight rows of eight turn into columns")
func transpose() {
  let rows = (0..<8).map { row in
    let first = Float(8 * row)
    return Float8(
      first, first + 1, first + 2, first + 3, first + 4, first + 5, first + 6, first + 7)
  }
  let c = transposed(
    (rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7]))
  let columns = [c.0, c.1, c.2, c.3, c.4, c.5, c.6, c.7]
  for i in 0..<8 {
    for j in 0..<8 { #expect(columns[j][i] == rows[i][j]) }
  }
}
