/// How the work of a layer on some tokens is divided, and the memory for it.
///
/// A chunk of a prompt has many tokens: each run of weights is unpacked once for all of them, and what is
/// done token by token is shared out among the threads. A step has one token of each session: threads
/// share out the rows of the weights, and the rest is too little to be shared out.
@unsafe struct ForwardPass {
  // Each buffer of `scratch` has room for `count` tokens, one after the other.

  /// What passes through the layers.
  enum Kind {
    /// Consecutive tokens of one session's prompt.
    case chunk
    /// One token of each session.
    case step
  }

  /// A matrix, and where its products with every token go.
  typealias Product = (weights: WeightMatrix, target: FloatBuffer)

  let model: LlamaModel
  let scratch: Scratch
  /// Tokens.
  let count: Int
  let kind: Kind

  /// Tokens that a thread takes at a time.
  private static let grain = 16

  init(_ model: LlamaModel, _ scratch: Scratch, count: Int, kind: Kind) {
    unsafe self.model = model
    unsafe self.scratch = scratch
    unsafe self.count = count
    unsafe self.kind = kind
  }

  /// The products of up to three matrices with every token.
  func multiply(
    _ x: FloatBuffer, by first: Product, _ second: Product? = nil, _ third: Product? = nil
  ) {
    guard unsafe kind == .step else {
      unsafe multiplyChunk(x, by: first)
      if let second { unsafe multiplyChunk(x, by: second) }
      if let third { unsafe multiplyChunk(x, by: third) }
      return
    }
    let group = unsafe MatrixGroup(
      (first.weights, first.target.base), second.map { unsafe ($0.weights, $0.target.base) },
      third.map { unsafe ($0.weights, $0.target.base) })
    let (team, matrix) = unsafe (model.team, scratch.matrix)
    if unsafe model.arithmetic == .integer && group.contains({ $0.blockSize > 1 }) {
      unsafe Kernels.multiplyInIntegers(group, x.base, count: count, scratch: matrix, team: team)
    } else if unsafe count == 1 {
      unsafe Kernels.multiply(group, x.base, scratch: matrix, team: team)
    } else {
      unsafe Kernels.multiply(group, few: x.base, count: count, scratch: matrix, team: team)
    }
  }

  private func multiplyChunk(_ x: FloatBuffer, by product: Product) {
    unsafe Kernels.multiply(
      product.weights, inputs: x.base, count: count, into: product.target.base,
      scratch: scratch.matrix, team: model.team)
  }

  /// The RMS norm of every token.
  func norm(_ x: FloatBuffer, _ gains: [Float], into target: FloatBuffer) {
    let (width, epsilon) = unsafe (model.configuration.hidden, model.configuration.normEpsilon)
    unsafe forEachRange { tokens in
      unsafe gains.withUnsafeBufferPointer { gains in
        guard let gains = gains.baseAddress else { return }
        for token in tokens {
          unsafe Kernels.rmsNorm(
            x.base + token * width, weight: gains, epsilon: epsilon, count: width,
            into: target.base + token * width)
        }
      }
    }
  }

  /// Adds a layer's output to the stream.
  func add(_ x: FloatBuffer, to target: FloatBuffer) {
    let width = unsafe model.configuration.hidden
    unsafe forEachRange { tokens in
      let start = tokens.lowerBound * width
      unsafe Kernels.add(x.base + start, to: target.base + start, count: tokens.count * width)
    }
  }

  /// The gated activation of the feed-forward block, in the place of `gate`.
  func swiGLU(gate: FloatBuffer, up: FloatBuffer) {
    let width = unsafe model.configuration.intermediate
    unsafe forEachRange { tokens in
      let start = tokens.lowerBound * width
      let gate = unsafe gate.base + start
      unsafe Kernels.swiGLU(
        gate: gate, up: up.base + start, count: tokens.count * width, into: gate)
    }
  }

  /// Calls `body` with parts of the tokens that together are all of them: of a chunk on several threads.
  @inline(__always)
  func forEachRange(_ body: (Range<Int>) -> Void) {
    guard unsafe kind == .chunk else { return body(unsafe 0..<count) }
    unsafe model.team.share(count, grain: Self.grain) { _, tokens in body(tokens) }
  }
}
