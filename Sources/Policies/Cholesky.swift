/// A positive definite matrix A as the product of a lower triangle and its transpose, to compute
/// `xᵀ A⁻¹ x`.
struct Cholesky {
  private var lower: [Double]
  private let size: Int

  /// Factors a symmetric matrix, given row by row. A pivot that rounding made smaller than the
  /// least normal number counts as that number.
  ///
  /// - Complexity: O(size³).
  init(_ matrix: [Double], size: Int) {
    self.size = size
    lower = matrix
    for row in 0..<size {
      for column in 0...row {
        var sum = lower[row * size + column]
        for k in 0..<column { sum -= lower[row * size + k] * lower[column * size + k] }
        lower[row * size + column] =
          row == column
          ? max(sum, .leastNormalMagnitude).squareRoot() : sum / lower[column * size + column]
      }
    }
  }

  /// Factors `ridge` times the unit matrix plus the sum of each vector's product with itself, times
  /// the vector's weight.
  init(ridge: Double, _ weights: [Double], _ vectors: [[Double]]) {
    let size = vectors.first?.count ?? 0
    var matrix = [Double](repeating: 0, count: size * size)
    for row in 0..<size { matrix[row * size + row] = ridge }
    for (weight, vector) in zip(weights, vectors) {
      for row in 0..<size {
        for column in 0...row {
          matrix[row * size + column] += weight * vector[row] * vector[column]
        }
      }
    }
    self.init(matrix, size: size)
  }

  /// `xᵀ A⁻¹ x`: the squared length of the solution of L y = x. O(size²).
  func inverseForm(_ x: [Double]) -> Double {
    var y = x
    for row in 0..<size {
      for k in 0..<row { y[row] -= lower[row * size + k] * y[k] }
      y[row] /= lower[row * size + row]
    }
    return y.reduce(0) { $0 + $1 * $1 }
  }
}
