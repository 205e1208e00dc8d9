import Testing

@testable import ReferenceModel

/// Rows, columns and depth that meet full tiles and every kind of remainder.
private let shapes = [
  (1, 1, 1), (6, 16, 8), (3, 4, 64), (7, 17, 9), (13, 35, 80), (2, 7, 3), (12, 32, 128),
  (5, 40, 64),
]

@Test("A·B is what the plain loop says, with gaps between rows", arguments: [0, 3])
func product(gap: Int) {
  for (m, n, k) in shapes {
    var numbers = Numbers(seed: UInt64(m * n * k))
    let (a, b) = (numbers.floats(m * k), numbers.floats(k * n))
    let (wideA, wideB) = (spread(a, width: k, gap: gap), spread(b, width: n, gap: gap))
    let c = computed(m * (n + gap), startingFrom: 7) {
      unsafe Kernels.product(
        a: wideA, aStride: k + gap, b: wideB, bStride: n + gap, m: m, n: n, k: k, into: $0,
        cStride: n + gap)
    }
    expectProduct(c, gap: gap, PlainKernels.product(a, b, m: m, n: n, k: k), k: k, n: n)
  }
}

@Test("scale·A·Bᵀ is what the plain loop says, with gaps between rows", arguments: [0, 5])
func productTransposed(gap: Int) {
  for (m, n, k) in shapes {
    var numbers = Numbers(seed: UInt64(m + n + k))
    let (a, transposedB) = (numbers.floats(m * k), numbers.floats(k * n))
    let b = (0..<n * k).map { transposedB[$0 % k * n + $0 / k] }
    let (wideA, wideB) = (spread(a, width: k, gap: gap), spread(b, width: k, gap: gap))
    let c = computed(m * (n + gap), startingFrom: 7) {
      unsafe Kernels.productTransposed(
        a: wideA, aStride: k + gap, b: wideB, bStride: k + gap, m: m, n: n, k: k, scale: 0.25,
        into: $0, cStride: n + gap)
    }
    let expected = PlainKernels.product(a, transposedB, m: m, n: n, k: k).map { $0 / 4 }
    expectProduct(c, gap: gap, expected, k: k, n: n)
  }
}

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

/// The matrix with `gap` NaNs after each row, which must not be read into any result.
private func spread(_ matrix: [Float], width: Int, gap: Int) -> [Float] {
  stride(from: 0, to: matrix.count, by: width).flatMap { first in
    matrix[first..<first + width] + [Float](repeating: .nan, count: gap)
  }
}

private func expectProduct(_ c: [Float], gap: Int, _ expected: [Double], k: Int, n: Int) {
  let rows = stride(from: 0, to: c.count, by: n + gap)
  let inside = rows.flatMap { c[$0..<$0 + n] }
  let outside = rows.flatMap { c[$0 + n..<$0 + n + gap] }
  // Elements are at most 1 in size: k of them add up to at most k.
  expectClose(
    inside, expected, scale: expected.map { _ in Double(k) }, "\(expected.count / n) × \(n) × \(k)")
  #expect(outside.allSatisfy { $0 == 7 }, "gaps are left alone")
}
