/// The products of a decode step: one input is a vector, several share each row of weights that is unpacked.
extension LlamaModel {
  typealias Floats = UnsafeMutablePointer<Float>

  @unsafe func multiply(
    _ w: WeightMatrix, _ x: Floats, count: Int, into y: Floats, _ scratch: MatrixScratch
  ) {
    if unsafe multiplyInIntegers(MatrixGroup((w, y)), x, count: count, scratch) { return }
    if count == 1 {
      unsafe Kernels.multiply(w, x, into: y, scratch: scratch, team: team)
    } else {
      unsafe Kernels.multiply(w, few: x, count: count, into: y, scratch: scratch, team: team)
    }
  }

  @unsafe func multiply(
    _ w: (WeightMatrix, WeightMatrix), _ x: Floats, count: Int, into y: (Floats, Floats),
    _ scratch: MatrixScratch
  ) {
    let group = unsafe MatrixGroup((w.0, y.0), (w.1, y.1))
    if unsafe multiplyInIntegers(group, x, count: count, scratch) { return }
    if count == 1 {
      unsafe Kernels.multiply(
        (w.0, w.1, nil), x, into: (y.0, y.1, y.1), scratch: scratch, team: team)
    } else {
      unsafe multiply(w.0, x, count: count, into: y.0, scratch)
      unsafe multiply(w.1, x, count: count, into: y.1, scratch)
    }
  }

  @unsafe func multiply(
    _ w: (WeightMatrix, WeightMatrix, WeightMatrix), _ x: Floats, count: Int,
    into y: (Floats, Floats, Floats), _ scratch: MatrixScratch
  ) {
    let group = unsafe MatrixGroup((w.0, y.0), (w.1, y.1), (w.2, y.2))
    if unsafe multiplyInIntegers(group, x, count: count, scratch) { return }
    if count == 1 {
      unsafe Kernels.multiply((w.0, w.1, w.2), x, into: y, scratch: scratch, team: team)
    } else {
      unsafe multiply((w.0, w.1), x, count: count, into: (y.0, y.1), scratch)
      unsafe multiply(w.2, x, count: count, into: y.2, scratch)
    }
  }

  /// The products in integers, if the model computes them so; false, and nothing done, if not.
  @unsafe private func multiplyInIntegers(
    _ group: MatrixGroup, _ x: Floats, count: Int, _ scratch: MatrixScratch
  ) -> Bool {
    guard arithmetic == .integer, unsafe group.isQuantised else { return false }
    unsafe Kernels.multiplyInIntegers(group, x, count: count, scratch: scratch, team: team)
    return true
  }

  /// RMS norm of one token's stream, or of several in a row.
  @unsafe func norm(
    _ stream: UnsafePointer<Float>, count: Int = 1, _ weight: [Float],
    into target: UnsafeMutablePointer<Float>
  ) {
    let hidden = configuration.hidden
    unsafe weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { return }
      for token in 0..<count {
        unsafe Kernels.rmsNorm(
          stream + token * hidden, weight: weight, epsilon: configuration.normEpsilon,
          count: hidden, into: target + token * hidden)
      }
    }
  }
}
