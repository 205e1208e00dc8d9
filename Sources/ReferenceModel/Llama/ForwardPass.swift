/// How a layer's work on a batch of tokens is divided, and its scratch memory.
///
/// A chunk of a prompt has many tokens: every panel of matrix rows is unpacked once for all of
/// them, and threads divide the tokens of elementwise work. A step has one token per session:
/// threads divide the matrix rows, and the elementwise work is too little to divide.
@unsafe struct ForwardPass {
  // Each buffer of `scratch` has room for `count` tokens, one after another.

  /// The tokens that pass through the layers.
  enum Kind {
    /// Consecutive tokens of one session's prompt.
    case chunk
    /// One token of each session.
    case step
  }

  /// A matrix, and the buffer for its products with every token.
  typealias Product = (weights: WeightMatrix, target: FloatBuffer)

  let model: LlamaModel
  let scratch: Scratch
  /// Number of tokens.
  let count: Int
  let kind: Kind

  /// Tokens that a thread takes at once.
  private static let grain = 16

  init(_ model: LlamaModel, _ scratch: Scratch, count: Int, kind: Kind) {
    unsafe self.model = model
    unsafe self.scratch = scratch
    unsafe self.count = count
    unsafe self.kind = kind
  }

  /// Multiplies every token by up to three matrices.
  ///
  /// - Parameter errand: what this thread does in a step while other threads multiply; in a chunk,
  ///   before the products.
  func multiply(
    _ x: FloatBuffer, by first: Product, _ second: Product? = nil, _ third: Product? = nil,
    beside errand: () -> Void = {}
  ) {
    let isInteger = unsafe model.arithmetic == .allInteger
    guard unsafe kind == .step || isInteger else {
      errand()
      unsafe multiplyChunk(x, by: first)
      if let second { unsafe multiplyChunk(x, by: second) }
      if let third { unsafe multiplyChunk(x, by: third) }
      return
    }
    let group = unsafe MatrixGroup(
      (first.weights, first.target.base), second.map { unsafe ($0.weights, $0.target.base) },
      third.map { unsafe ($0.weights, $0.target.base) })
    let (team, matrix) = unsafe (model.team, scratch.matrix)
    if unsafe (isInteger || model.arithmetic == .integer) && group.contains({ $0.blockSize > 1 }) {
      unsafe Kernels.multiplyInIntegers(
        group, x.base, count: count, scratch: matrix, team: team, beside: errand)
    } else if unsafe count == 1 {
      unsafe Kernels.multiply(group, x.base, scratch: matrix, team: team, beside: errand)
    } else {
      unsafe Kernels.multiply(
        group, few: x.base, count: count, scratch: matrix, team: team, beside: errand)
    }
  }

  private func multiplyChunk(_ x: FloatBuffer, by product: Product) {
    unsafe Kernels.multiply(
      product.weights, inputs: x.base, count: count, into: product.target.base,
      scratch: scratch.matrix, team: model.team)
  }

  /// The RMS norm of every vector. A token has `vectors` of them, each as long as `gains`.
  func norm(_ x: FloatBuffer, vectors: Int = 1, _ gains: [Float], into target: FloatBuffer) {
    let (width, epsilon) = unsafe (gains.count, model.configuration.normEpsilon)
    unsafe forEachRange { tokens in
      unsafe gains.withUnsafeBufferPointer { gains in
        guard let gains = gains.baseAddress else { return }
        for vector in tokens.lowerBound * vectors..<tokens.upperBound * vectors {
          unsafe Kernels.rmsNorm(
            x.base + vector * width, weight: gains, epsilon: epsilon, count: width,
            into: target.base + vector * width)
        }
      }
    }
  }

  /// Adds a layer's biases to the queries, keys and values of every token.
  func add(_ biases: LlamaWeights.Biases) {
    unsafe add(biases.query, toEach: scratch.queries)
    unsafe add(biases.key, toEach: scratch.keys)
    unsafe add(biases.value, toEach: scratch.values)
  }

  private func add(_ bias: [Float], toEach target: FloatBuffer) {
    unsafe forEachRange { tokens in
      unsafe bias.withUnsafeBufferPointer { bias in
        guard let values = bias.baseAddress else { return }
        for token in tokens {
          unsafe Kernels.add(values, to: target.base + token * bias.count, count: bias.count)
        }
      }
    }
  }

  /// Applies a layer's norms to every head of the queries and keys, in place.
  func norm(_ norms: LlamaWeights.HeadNorms) {
    let (queries, keys, model) = unsafe (scratch.queries, scratch.keys, model.configuration)
    unsafe norm(queries, vectors: model.queryHeads, norms.query, into: queries)
    unsafe norm(keys, vectors: model.keyHeads, norms.key, into: keys)
  }

  /// Adds the output of attention or of the feed-forward block to the residual stream.
  func add(_ x: FloatBuffer, to target: FloatBuffer) {
    let width = unsafe model.configuration.hidden
    unsafe forEachRange { tokens in
      let start = tokens.lowerBound * width
      unsafe Kernels.add(x.base + start, to: target.base + start, count: tokens.count * width)
    }
  }

  /// The gated activation of the feed-forward block, in place: it overwrites `gate`.
  func swiGLU(gate: FloatBuffer, up: FloatBuffer) {
    let width = unsafe model.configuration.intermediate
    unsafe forEachRange { tokens in
      let start = tokens.lowerBound * width
      let gate = unsafe gate.base + start
      unsafe Kernels.swiGLU(
        gate: gate, up: up.base + start, count: tokens.count * width, into: gate)
    }
  }

  /// Calls `body` with ranges that together cover all tokens; for a chunk, on several threads.
  @inline(__always)
  func forEachRange(_ body: (Range<Int>) -> Void) {
    guard unsafe kind == .chunk else { return body(unsafe 0..<count) }
    unsafe model.team.share(count, grain: Self.grain) { _, tokens in body(tokens) }
  }
}
