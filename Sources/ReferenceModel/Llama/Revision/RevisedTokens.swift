import KVPolicyKit

/// The tokens that a session decoded last, which its next steps correct: what they have read in
/// every layer.
@safe final class RevisedTokens {
  /// What one token has read in one layer.
  @safe final class State {
    // Buffers have room for every query head.

    /// `queryHeads × headDimension`: the rotated queries of the step that read the token.
    let queries: FloatBuffer
    /// `queryHeads × headDimension`: the attention output.
    let mixed: FloatBuffer
    /// `queryHeads`: the logarithm of the sum of exponentials over the rows read so far.
    let logSums: FloatBuffer
    /// By query head: bit p is set if position p was read.
    var read: [[UInt64]]

    init(heads: Int, width: Int) {
      (queries, mixed) = (FloatBuffer(heads * width), FloatBuffer(heads * width))
      logSums = FloatBuffer(heads)
      read = Array(repeating: [], count: heads)
    }

    func copy(heads: Int, width: Int) -> State {
      let copy = State(heads: heads, width: width)
      unsafe copy.queries.base.update(from: queries.base, count: heads * width)
      unsafe copy.mixed.base.update(from: mixed.base, count: heads * width)
      unsafe copy.logSums.base.update(from: logSums.base, count: heads)
      copy.read = read
      return copy
    }
  }

  let revision: Revision
  /// The past tokens, oldest first. Their positions are those before the next one.
  private(set) var tokens: [Int] = []
  /// The slots of rows that past tokens have not read, of one layer; kept for their memory.
  var slots: [Int32] = []
  /// By past token and query head: where its rows are among `slots`.
  var ranges: [Range<Int>] = []
  /// By token, oldest first, and layer. The state after those of the past tokens is that of the
  /// token being read.
  private var states: [[State]]
  private let (heads, width): (Int, Int)

  init(_ revision: Revision, _ configuration: LlamaConfiguration) {
    self.revision = revision
    let (heads, width) = (configuration.queryHeads, configuration.headDimension)
    (self.heads, self.width) = (heads, width)
    states = (0..<revision.window).map { _ in
      (0..<configuration.layers).map { _ in State(heads: heads, width: width) }
    }
  }

  private init(copying other: RevisedTokens) {
    (revision, tokens, heads, width) = (other.revision, other.tokens, other.heads, other.width)
    states = other.states.map { layers in
      layers.map { $0.copy(heads: other.heads, width: other.width) }
    }
  }

  /// An independent copy.
  func copy() -> RevisedTokens { RevisedTokens(copying: self) }

  /// How many past tokens there are.
  var count: Int { tokens.count }

  /// What a past token has read in a layer, or, with the number after those of the past tokens, the
  /// token being read.
  func state(_ token: Int, layer: Int) -> State { states[token][layer] }

  /// Makes the token that was read a past one, and leaves out the oldest if there are too many.
  func advance(_ token: Int) {
    tokens.append(token)
    guard tokens.count >= revision.window else { return }
    tokens.removeFirst()
    states.append(states.removeFirst())
  }

  /// Forgets all past tokens.
  func removeAll() { tokens.removeAll(keepingCapacity: true) }
}
