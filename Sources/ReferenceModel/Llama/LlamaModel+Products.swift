/// The products of a decode step: one input is a vector, several share each row of weights that is unpacked.
extension LlamaModel {
  /// The products of a group of matrices with `count` inputs.
  @unsafe func multiply(
    _ group: MatrixGroup, _ x: UnsafePointer<Float>, count: Int, _ scratch: MatrixScratch
  ) {
    if arithmetic == .integer, unsafe group.contains({ $0.blockSize > 1 }) {
      unsafe Kernels.multiplyInIntegers(group, x, count: count, scratch: scratch, team: team)
    } else if count == 1 {
      unsafe Kernels.multiply(group, x, scratch: scratch, team: team)
    } else {
      unsafe Kernels.multiply(group, few: x, count: count, scratch: scratch, team: team)
    }
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
