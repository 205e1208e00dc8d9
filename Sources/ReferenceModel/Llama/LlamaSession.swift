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
  /// Signals computed so far: calls of each kind. For tests, and for reports of what a policy
  /// costs.
  public internal(set) var signalCounts = SignalCounts()

  let scratch: Scratch
  /// Turns to the positions of the text being read: a window that moves on with it.
  var rotary: RotaryTable
  /// Turns to places in the cache, for keys that are stored un-rotated.
  var placeRotary: RotaryTable
  /// Per layer: what its policy declared.
  let wants: [PolicyDeclarations]
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
    wants = (0..<configuration.layers).map { sequence.declarations(ofLayer: $0) }
    let width = configuration.queryHeads * configuration.headDimension
    recentQueries = wants.map {
      RecentQueries(
        room: $0.signals.promptRows, width: width, heads: configuration.queryHeads)
    }
  }

  /// A session that goes its own way from here: the same logits, and the cache's pages shared.
  public func fork() -> LlamaSession {
    let copy = LlamaSession(model: model, sequence: sequence.fork())
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

  /// Ends a chunk or step in the cache, which asks the policies that decide about the whole
  /// sequence.
  func finish(moment: Moment) throws(StoreError) {
    var watch = Stopwatch()
    try sequence.finish(moment: moment)
    policyTime.evict += watch.lap()
  }

  /// Final norm and head for one token's stream: its logits.
  @unsafe func head(_ stream: UnsafePointer<Float>) {
    unsafe model.norm(stream, model.weights.outputNorm, into: scratch.normed.base)
    unsafe Kernels.multiply(
      model.weights.head, scratch.normed.base, into: scratch.logits.base, scratch: scratch.matrix,
      team: model.team)
  }

  /// - Throws: `ModelError.request` if any logit is not a finite number.
  func checkFinite() throws(ModelError) {
    guard unsafe Kernels.isFinite(scratch.logits.base, count: model.configuration.vocabulary) else {
      throw .request(
        "the model computed logits that are not finite numbers after \(sequence.length.tokens) "
          + "tokens; its weights are damaged (see 'kvpolicy inspect')")
    }
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
