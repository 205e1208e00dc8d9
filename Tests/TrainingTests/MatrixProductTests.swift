import KVPolicyKit
import ReferenceModel
import Testing
import Training

struct MatrixProductTests {
  /// Sizes around those of tiles, packed operands, blocks and stretches.
  static let shapes = [
    (1, 1, 1), (6, 16, 8), (7, 17, 9), (5, 15, 300), (13, 100, 257), (250, 33, 31), (20, 270, 512),
    (300, 64, 5), (12, 80, 0), (241, 257, 20),
  ]

  @Test("products are those of plain loops, read and written in every way", arguments: shapes)
  func plain(shape: (rows: Int, columns: Int, depth: Int)) {
    let (m, n, k) = shape
    var numbers = SplitMix64(seed: 3)
    func floats(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float(2 * numbers.unit() - 1) }
    }
    for (turnsA, turnsB) in [(false, false), (false, true), (true, false), (true, true)] {
      // The stride of matrix rows is larger than their length.
      let (aStride, bStride, cStride) = ((turnsA ? m : k) + 3, (turnsB ? k : n) + 1, n + 2)
      let (a, b) = (floats((turnsA ? k : m) * aStride), floats((turnsB ? n : k) * bStride))
      let before = floats(m * cStride)
      for adding in [false, true] {
        let results = (1...2).map { threads in
          multiply(
            ProductShape(rows: m, columns: n, depth: k), a, aStride, turnsA, b, bStride, turnsB,
            before, cStride, adding: adding, threads: threads)
        }
        #expect(results[0] == results[1], "threads make no difference")
        for i in 0..<m {
          for j in 0..<cStride {
            let old = before[i * cStride + j]
            var (sum, size) = (adding || j >= n ? Double(old) : 0, 1.0)
            if j < n {
              for l in 0..<k {
                let product =
                  Double(turnsA ? a[l * aStride + i] : a[i * aStride + l])
                  * Double(turnsB ? b[j * bStride + l] : b[l * bStride + j])
                sum += product
                size += abs(product)
              }
            }
            let error = abs(Double(results[0][i * cStride + j]) - sum)
            // Roundings of a sum of up to 256 terms: 2⁻²⁴ each, and they go both ways.
            if error > 1e-6 * size { Issue.record("(\(i), \(j)) of \(shape) is off by \(error)") }
          }
        }
      }
    }
  }

  private func multiply(
    _ shape: ProductShape, _ a: [Float], _ aStride: Int, _ turnsA: Bool, _ b: [Float],
    _ bStride: Int, _ turnsB: Bool, _ c: [Float], _ cStride: Int, adding: Bool, threads: Int
  ) -> [Float] {
    var c = c
    let product = MatrixProduct(team: ThreadTeam(threads: threads))
    unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe c.withUnsafeMutableBufferPointer { c in
          let nothing = UnsafeMutablePointer<Float>.allocate(capacity: 1)
          defer { unsafe nothing.deallocate() }
          unsafe product.multiply(
            shape,
            Operand(a.baseAddress ?? UnsafePointer(nothing), stride: aStride, transposed: turnsA),
            Operand(b.baseAddress ?? UnsafePointer(nothing), stride: bStride, transposed: turnsB),
            into: Target(c.baseAddress ?? nothing, stride: cStride, adding: adding))
        }
      }
    }
    return c
  }
}
