import KVPolicyKit

/// The slow, obvious engine: attention in plain loops over rows read back from the store.
///
/// It drives a `KVSequence` in the order a model does (reserve, append, attention, observe, decide,
/// carry out, book, finish), computes only the signals that policies declare, and remembers what
/// happened. Policies are tested with it, and it is the oracle for faster engines. A policy that
/// reads a signal it did not declare traps.
public final class PlainEngine {
  /// The source of queries, keys and values.
  public internal(set) var source: SyntheticAttention
  /// The cache that the engine drives.
  public let sequence: KVSequence
  /// Attention outputs of every token read: tokens × (layers × queryHeads × headDimension).
  public internal(set) var outputs: [[Float]] = []
  /// After every chunk and step: the original positions that each lane holds, ascending. Lanes by
  /// layer, then head.
  public internal(set) var kept: [[[Int]]] = []
  /// Every plan that was not empty, with its moment, in order.
  public internal(set) var plans: [PlannedMoment] = []
  /// Whether outputs and kept positions are remembered; switch off for long runs.
  public var remembers = true

  /// If set, rows are renumbered after every moment; equal lanes of a layer get equal numbers.
  var renumbering: UInt64?
  /// If set, called after a layer's plan was carried out.
  var afterPlan: (() -> Void)?
  /// If set, called after every moment.
  var afterMoment: ((Moment) -> Void)?
  let wants: [PolicyDeclarations]
  /// The positions of the prompt that is being read in chunks.
  var prompt = 0..<0
  /// Per layer: the last queries that policies ask for, oldest first.
  var recentQueries: [[RecentQuery]]

  /// The tokens decoded last, oldest first, which steps correct.
  var past: [PastToken] = []

  /// An engine for a sequence that has read nothing yet, or that only such engines have driven.
  ///
  /// - Precondition: the source has the shape of the sequence's store. A mismatch is a mistake in
  ///   the test and traps.
  public init(_ source: SyntheticAttention, sequence: KVSequence) {
    precondition(source.shape == sequence.store.shape, "the source needs the shape of the store")
    self.source = source
    self.sequence = sequence
    sequence.rotation = source.rotation
    sequence.inputWidth = source.input(0, 0).count
    wants = (0..<source.shape.layers).map { sequence.declarations(ofLayer: $0) }
    recentQueries = Array(repeating: [], count: source.shape.layers)
  }

  /// An engine with a new store and a new sequence, all layers under one policy and, if they are
  /// given, its reader and its codec.
  public convenience init(
    _ source: SyntheticAttention, policy: any KVCachePolicy, reader: (any RowReader)? = nil,
    codec: (any RowCodec)? = nil, store: StoreConfiguration = StoreConfiguration(format: .f32),
    reading: PromptReading = PromptReading()
  ) throws {
    let store = try PagedKVStore(shape: source.shape, configuration: store)
    let policies = try PolicyAssignment(
      policy, reader: reader, codec: codec, shape: source.shape, reading: reading)
    self.init(source, sequence: store.makeSequence(policies))
  }

  /// Reads a prompt of `count` tokens in chunks; the last token by a step, if the sequence says so.
  ///
  /// - Throws: `StoreError`; everything read before the failing chunk is intact.
  ///   `StoreError.badRequest` if `count` or `chunk` is below 1.
  public func read(_ count: Int, chunk: Int = .max) throws(StoreError) {
    guard count > 0, chunk > 0, count <= Int(Int32.max) else {
      throw .badRequest(
        "a prompt of \(count) tokens in chunks of \(chunk) is not possible; use 1 token or more, "
          + "at most \(Int32.max), in chunks of 1 or more")
    }
    let chunk = min(chunk, sequence.longestChunk ?? .max)
    past = []
    let isLastDecoded = sequence.decodesLastPromptToken
    var left = count - (isLastDecoded ? 1 : 0)
    prompt = sequence.length.tokens..<sequence.length.tokens + left
    while left > 0 {
      let size = min(chunk, left)
      left -= size
      let first = sequence.length.tokens
      try advance(.chunk(tokens: first..<first + size, isLast: left == 0))
    }
    for layer in recentQueries.indices { forgetQueries(layer: layer, inPrompt: false) }
    if isLastDecoded { try step() }
  }

  /// Decodes `count` tokens.
  ///
  /// - Throws: `StoreError`; everything read before the failing step is intact.
  ///   `StoreError.badRequest` if `count` is negative.
  public func step(_ count: Int = 1) throws(StoreError) {
    guard count >= 0 else {
      throw .badRequest("\(count) steps are not possible; use 0 or more")
    }
    for _ in 0..<count { try advance(.step(index: sequence.steps + 1)) }
  }

  /// An engine that shares the cache's pages and is independent from here on; it reads `other` if
  /// given.
  public func fork(reading other: SyntheticAttention? = nil) -> PlainEngine {
    let copy = PlainEngine(other ?? source, sequence: sequence.fork())
    copy.recentQueries = recentQueries
    copy.past = past
    copy.outputs = outputs
    copy.kept = kept
    copy.plans = plans
    copy.remembers = remembers
    return copy
  }

  /// The original positions that each lane holds now.
  public var keptNow: [[Int]] {
    (0..<source.shape.layers).flatMap { layer in
      (0..<source.shape.keyHeads).map { sequence.keptPositions(layer: layer, head: $0) }
    }
  }

  private func advance(_ moment: Moment) throws(StoreError) {
    try sequence.reserve(tokens: moment.tokens)
    sequence.begin()
    var output = Array(repeating: [Float](), count: moment.tokens)
    for layer in 0..<source.shape.layers {
      try overwritePast(layer: layer)
      try append(layer: layer, tokens: moment.tokens)
      let parts =
        switch moment {
        case .chunk(let tokens, _):
          try attendChunk(layer: layer, tokens: tokens, moment: moment)
        case .step: [try attendStep(layer: layer, moment: moment)]
        }
      for (index, part) in parts.enumerated() { output[index] += part }
    }
    if case .chunk(let tokens, let isLast) = moment,
      let probe = sequence.probe(afterLast: isLast)
    {
      try show(probe, after: tokens, moment: moment)
    }
    try sequence.finish(moment: moment)
    forgetPast()
    if remembers {
      outputs += output
      kept.append(keptNow)
    }
    if sequence.wantsPrediction { sequence.predicted = source.predicted(sequence.length.tokens) }
    if let renumbering { renumber(seed: renumbering) }
    afterMoment?(moment)
  }

  private func append(layer: Int, tokens: Int) throws(StoreError) {
    let first = sequence.length.tokens
    var (keys, values) = ([Float](), [Float]())
    for position in first..<first + tokens {
      for head in 0..<source.shape.keyHeads {
        let key = source.key(layer, head, position)
        keys += wants[layer].rule == .original ? source.rotate(key, at: position) : key
        values += source.value(layer, head, position)
      }
    }
    // Both arrays hold tokens × keyHeads × headDimension floats, as `append` reads.
    let result = unsafe keys.withUnsafeBufferPointer { keys in
      unsafe values.withUnsafeBufferPointer { values -> Result<Void, StoreError> in
        guard let keys = keys.baseAddress, let values = values.baseAddress else {
          return .success(())
        }
        do throws(StoreError) {
          try unsafe sequence.append(layer: layer, tokens: tokens, keys: keys, values: values)
          return .success(())
        } catch { return .failure(error) }
      }
    }
    try result.get()
  }

  private func renumber(seed: UInt64) {
    for layer in 0..<source.shape.layers {
      for head in 0..<source.shape.keyHeads {
        let count = sequence.rowCount(layer: layer, head: head)
        var numbers = SplitMix64(
          seed: seed ^ UInt64(sequence.length.tokens << 20 + layer << 10 + count))
        sequence.renumber(
          layer: layer, head: head, order: Array(0..<count).shuffled(using: &numbers))
      }
    }
  }
}

/// A plan, and the moment and layer it was made for.
public struct PlannedMoment: Hashable, Sendable {
  /// The moment at which the plan was made.
  public let moment: Moment
  /// The layer that was decided about.
  public let layer: Int
  /// What to forget.
  public let plan: CachePlan
}

/// One of the last queries.
struct RecentQuery {
  let position: Int
  /// Per query head: the logarithm of the sum of the query's exponentials over the rows it saw.
  let logSums: [Float]
}
