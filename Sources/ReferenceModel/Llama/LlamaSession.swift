import KVPolicyKit

/// One running sequence: a model, a cache, and the scratch memory of a step.
///
/// The journey of a token is `LlamaSession+Decode.swift`; a prompt goes through
/// `LlamaSession+Prefill.swift` in chunks. Single owner; not thread-safe.
public final class LlamaSession {
  /// The model it runs.
  public let model: LlamaModel
  /// The cache it reads and writes.
  public let sequence: KVSequence
  /// Time spent in policy hooks and plans so far.
  public internal(set) var policyTime = PolicyTime()
  /// Signals computed so far: calls of each kind. For tests, and for reports of what a policy costs.
  public internal(set) var signalCounts = SignalCounts()

  let scratch: Scratch
  /// Turns to the positions of the text being read: a window that moves on with it.
  var rotary: RotaryTable
  /// Turns to places in the cache, for keys that are stored un-rotated.
  var placeRotary: RotaryTable
  /// Per layer: the signals its policy declared.
  let wants: [LayerWants]
  /// Per layer: the queries of the prompt's last tokens, for the signal `promptRows`.
  var recentQueries: [RecentQueries]

  init(model: LlamaModel, sequence: KVSequence) {
    precondition(
      sequence.store.shape == model.shape, "a session needs a cache of the model's own shape")
    self.model = model
    self.sequence = sequence
    let configuration = model.configuration
    scratch = Scratch(configuration, threads: model.threads)
    rotary = RotaryTable(configuration)
    placeRotary = rotary
    wants = (0..<configuration.layers).map { LayerWants(sequence.policy(ofLayer: $0)) }
    let width = configuration.queryHeads * configuration.headDimension
    recentQueries = wants.map { RecentQueries(room: $0.promptRows, width: width) }
  }

  /// A session that goes its own way from here: the same logits, and the cache's pages shared.
  public func fork() -> LlamaSession {
    let copy = LlamaSession(model: model, sequence: sequence.fork())
    copy.recentQueries = recentQueries.map { $0.copy() }
    unsafe copy.scratch.logits.base.update(
      from: scratch.logits.base, count: model.configuration.vocabulary)
    return copy
  }

  /// Logits of the last token read. `vocabulary` values.
  public var logits: Span<Float> {
    @_lifetime(borrow self)
    get {
      let values = unsafe UnsafeBufferPointer(
        start: scratch.logits.base, count: model.configuration.vocabulary)
      return unsafe _overrideLifetime(values.span, borrowing: self)
    }
  }

  /// Ends a chunk or step in the cache, which asks the policies that decide about the whole sequence.
  func finish(moment: Moment) throws(StoreError) {
    var watch = Stopwatch()
    try sequence.finish(moment: moment)
    policyTime.evict += watch.lap()
  }

  /// Final norm and head for one token's stream: its logits, at `target`.
  @unsafe func head(_ stream: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
    let weights = model.weights
    unsafe weights.outputNorm.withUnsafeBufferPointer { norm in
      guard let norm = norm.baseAddress else { return }
      unsafe Kernels.rmsNorm(
        stream, weight: norm, epsilon: model.configuration.normEpsilon,
        count: model.configuration.hidden, into: scratch.normed.base)
    }
    unsafe Kernels.multiply(
      weights.head, scratch.normed.base, into: target, scratch: scratch.matrix, team: model.team)
  }
}

/// How often each signal was computed: once per layer and call.
public struct SignalCounts: Hashable, Sendable {
  /// Logits copied for a policy during decode.
  public var stepLogits = 0
  /// Probabilities shown during decode.
  public var stepProbabilities = 0
  /// Rows of the prompt's last queries.
  public var promptRows = 0
  /// Column sums of a chunk.
  public var promptColumnSums = 0
}

/// What the policy of one layer wants, looked up once.
struct LayerWants {
  var stepLogits = false
  var stepProbabilities = false
  var promptRows = 0
  var promptColumnSums = false
  let phase: Phase
  let rule: PositionRule
  let cadence: Cadence

  init(_ policy: any KVCachePolicy) {
    phase = policy.phase
    rule = policy.positions
    cadence = policy.cadence
    for signal in policy.signals {
      switch signal {
      case .stepLogits: stepLogits = true
      case .stepProbabilities: stepProbabilities = true
      case .promptRows(let count): promptRows = max(promptRows, count)
      case .promptColumnSums: promptColumnSums = true
      }
    }
  }
}

/// The buffers of one session. Shapes are in floats; those with `rows` grow with the cache.
struct Scratch {
  let stream: FloatBuffer  // tokens × hidden
  let normed: FloatBuffer  // tokens × hidden
  let queries: FloatBuffer  // tokens × queryHeads × headDimension
  let keys: FloatBuffer  // tokens × keyHeads × headDimension
  let values: FloatBuffer  // tokens × keyHeads × headDimension
  let mixed: FloatBuffer  // tokens × queryHeads × headDimension
  let projected: FloatBuffer  // tokens × hidden
  let gate: FloatBuffer  // tokens × intermediate
  let up: FloatBuffer  // tokens × intermediate
  let logits: FloatBuffer  // vocabulary
  let stepLogits = FloatBuffer()  // queryHeads × rows
  let weights = FloatBuffer()  // queryHeads × rows
  let partial = FloatBuffer()  // a step's runs: see `StepAttention`; or blocks × queryHeads × rows
  let packedLanes = FloatBuffer()  // keyHeads lanes of a chunk: see `PackedLane`
  let columnSums = FloatBuffer()  // queryHeads × rows
  let promptRows = FloatBuffer()  // queryHeads × queries × rows
  let blocks: [FloatBuffer]  // per thread: a run of keys, or what a `ChunkBlock` needs
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
    // A run of keys at least: a thread that first takes part in a later step then asks for no memory.
    blocks = (0..<threads).map { _ in FloatBuffer(ChunkShape.run * width) }
    matrix = MatrixScratch(threads: threads)
  }
}
