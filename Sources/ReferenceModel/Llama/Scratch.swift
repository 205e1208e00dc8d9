/// The buffers of one session.
///
/// Shapes are in floats. Buffers with `rows` in their shape grow with the cache.
///
/// A batch uses the first session's buffers for its tokens, one per session, and each session's own
/// buffers for the session's attention.
final class Scratch {
  let stream: FloatBuffer  // tokens × hidden
  let normed: FloatBuffer  // tokens × hidden
  let queries: FloatBuffer  // tokens × queryHeads × headDimension
  let keys: FloatBuffer  // tokens × keyHeads × headDimension
  let values: FloatBuffer  // tokens × keyHeads × headDimension
  let mixed: FloatBuffer  // tokens × queryHeads × headDimension
  let projected: FloatBuffer  // tokens × hidden
  let gate: FloatBuffer  // tokens × intermediate
  let up: FloatBuffer  // tokens × intermediate
  let logits: FloatBuffer  // vocabulary: the vocabulary logits
  let allLogits = FloatBuffer()  // sessions × vocabulary, for a batch
  let stepLogits = FloatBuffer()  // queryHeads × rows: attention logits
  let attentionWeights = FloatBuffer()  // queryHeads × rows
  let probabilities = FloatBuffer()  // queryHeads × rows, where `attentionWeights` is still needed
  let spread = FloatBuffer()  // 2 × queryHeads × rows: see `SpreadSignals`
  let pageBounds = FloatBuffer()  // queryHeads × (pages of a reader's digest + 2 headDimension)
  let partial = FloatBuffer()  // see `StepAttention`; or blocks × queryHeads × rows
  let residual = FloatBuffer()  // see `ResidualParts`
  var stepTokens: [Int] = []  // the tokens of a step, past tokens that it corrects included
  let packedLanes = FloatBuffer()  // keyHeads lanes of a chunk: see `PackedLane`
  let rawQueries = FloatBuffer()  // tokens × queryHeads × headDimension, before rotation
  let columnSums = FloatBuffer()  // queryHeads × rows
  let promptRows = [FloatBuffer(), FloatBuffer()]  // a lane's heads × queries × rows
  let promptQueries = [FloatBuffer(), FloatBuffer()]  // queries × a lane's heads × headDimension
  let blocks: [FloatBuffer]  // per thread: 128 keys, or the scratch of a `ChunkBlock`
  let lists: [FloatBuffer]  // per thread: rows that are codes, see `ListRoom`
  let matrix: MatrixScratch

  init(_ configuration: LlamaConfiguration, threads: Int) {
    let width = configuration.headDimension
    stream = FloatBuffer(configuration.hidden)
    normed = FloatBuffer(configuration.hidden)
    queries = FloatBuffer(configuration.queryHeads * width)
    keys = FloatBuffer(configuration.keyHeads * width)
    values = FloatBuffer(configuration.keyHeads * width)
    mixed = FloatBuffer(configuration.queryHeads * width)
    projected = FloatBuffer(configuration.hidden)
    gate = FloatBuffer(configuration.intermediate)
    up = FloatBuffer(configuration.intermediate)
    logits = FloatBuffer(configuration.vocabulary)
    // Room for 128 keys from the start: a thread that first takes part in a later step then
    // allocates nothing.
    blocks = (0..<threads).map { _ in FloatBuffer(ChunkShape.run * width) }
    lists = (0..<threads).map { _ in FloatBuffer() }
    matrix = MatrixScratch(threads: threads)
  }

  /// Makes room for `count` tokens; the contents of the buffers may be lost.
  @unsafe func makeRoom(tokens count: Int, _ configuration: LlamaConfiguration) {
    let queryWidth = configuration.queryHeads * configuration.headDimension
    let keyWidth = configuration.keyHeads * configuration.headDimension
    _ = unsafe stream.room(count * configuration.hidden)
    _ = unsafe normed.room(count * configuration.hidden)
    _ = unsafe projected.room(count * configuration.hidden)
    _ = unsafe queries.room(count * queryWidth)
    _ = unsafe mixed.room(count * queryWidth)
    _ = unsafe keys.room(count * keyWidth)
    _ = unsafe values.room(count * keyWidth)
    _ = unsafe gate.room(count * configuration.intermediate)
    _ = unsafe up.room(count * configuration.intermediate)
  }
}

/// The inputs and outputs of attention for some tokens: a chunk of a prompt, or the tokens of one
/// session in a step.
@unsafe struct TokenRows {
  /// The session, whose scratch memory has the attention buffers.
  private let session: LlamaSession
  /// The scratch memory that holds the tokens: the session's own, or that of a batch's first
  /// session.
  private let source: Scratch
  private let tokens: Range<Int>
  let inputs: UnsafeMutablePointer<Float>  // count × hidden: what the projections read
  let queries: UnsafeMutablePointer<Float>  // count × queryHeads × headDimension
  let keys: UnsafeMutablePointer<Float>  // count × keyHeads × headDimension
  let values: UnsafeMutablePointer<Float>  // count × keyHeads × headDimension
  let mixed: UnsafeMutablePointer<Float>  // count × queryHeads × headDimension

  /// Selects a session's tokens among those that `source` has room for.
  init(_ source: Scratch, _ tokens: Range<Int>, of session: LlamaSession) {
    let configuration = session.model.configuration
    let queryWidth = configuration.queryHeads * configuration.headDimension
    let keyWidth = configuration.keyHeads * configuration.headDimension
    unsafe (self.session, self.source, self.tokens) = (session, source, tokens)
    unsafe inputs = source.normed.base + tokens.lowerBound * configuration.hidden
    unsafe queries = source.queries.base + tokens.lowerBound * queryWidth
    unsafe keys = source.keys.base + tokens.lowerBound * keyWidth
    unsafe values = source.values.base + tokens.lowerBound * keyWidth
    unsafe mixed = source.mixed.base + tokens.lowerBound * queryWidth
  }

  /// Number of tokens.
  var count: Int { unsafe tokens.count }
  /// The session's scratch memory.
  var scratch: Scratch { unsafe session.scratch }
  /// The last token.
  var last: TokenRows { unsafe TokenRows(source, tokens.suffix(1), of: session) }
  /// All tokens but the last.
  var dropLast: TokenRows { unsafe TokenRows(source, tokens.dropLast(), of: session) }
}
