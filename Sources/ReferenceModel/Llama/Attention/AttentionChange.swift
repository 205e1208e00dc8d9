import KVPolicyKit

/// How much attention changes what goes into it, measured over a text.
///
/// Every measure is 1 minus a mean cosine: 0 where nothing is changed, at most 2.
public struct AttentionChange: Sendable, Equatable {
  /// For each layer and key head, in this order: of a token's value and the output of attention at
  /// the token, over the tokens and the query heads of the group.
  public internal(set) var heads: [Float]
  /// For each layer: of the residual stream before and after the attention block.
  public internal(set) var layers: [Float]
}

extension LlamaModel {
  /// Measures how much attention changes what goes into it, over texts that are read one after the
  /// other, each under full attention from an empty cache.
  ///
  /// - Parameters:
  ///   - texts: tokens of each text.
  ///   - chunk: tokens that go through a layer together.
  ///   - progress: called after each chunk with the tokens read so far.
  /// - Throws: `SessionError` for an empty text or a token outside the vocabulary; `StoreError` if
  ///   the cache outgrows its limit.
  /// - Complexity: that of the prompts.
  public func attentionChange(
    over texts: [[Int]], chunk: Int = LlamaSession.defaultChunk,
    progress: (Int) -> Void = { _ in }
  ) throws -> AttentionChange {
    let meter = AttentionMeter(configuration)
    var read = 0
    for text in texts {
      let store = try PagedKVStore(shape: shape, configuration: StoreConfiguration(format: .f32))
      let session = makeSession(
        store.makeSequence(try PolicyAssignment(KeepEverything(), shape: shape)))
      session.meter = meter
      let start = read
      try withoutActuallyEscaping(progress) { progress in
        try session.prefill(
          text, chunk: chunk, eachChunk: { progress(start + session.sequence.length.tokens) })
      }
      read += text.count
    }
    return meter.change
  }
}

/// Sums of cosines over the tokens of a text.
final class AttentionMeter {
  private let model: LlamaConfiguration
  private var heads: [Double]
  private var layers: [Double]
  private var tokens: [Int]

  init(_ model: LlamaConfiguration) {
    self.model = model
    heads = Array(repeating: 0, count: model.layers * model.keyHeads)
    layers = Array(repeating: 0, count: model.layers)
    tokens = Array(repeating: 0, count: model.layers)
  }

  /// Adds the tokens of a chunk, when the attention block's output in `projected` is not yet part
  /// of `stream`.
  @unsafe func add(layer: Int, _ scratch: Scratch, count: Int) {
    let (width, hidden) = (model.headDimension, model.hidden)
    let group = model.queryHeads / model.keyHeads
    for token in 0..<count {
      for query in 0..<model.queryHeads {
        let value =
          unsafe scratch.values.base + (token * model.keyHeads + query / group) * width
        let output = unsafe scratch.mixed.base + (token * model.queryHeads + query) * width
        heads[layer * model.keyHeads + query / group] += cosine(width) { index in
          unsafe (value[index], output[index])
        }
      }
      let before = unsafe scratch.stream.base + token * hidden
      let added = unsafe scratch.projected.base + token * hidden
      layers[layer] += cosine(hidden) { index in
        unsafe (before[index], before[index] + added[index])
      }
    }
    tokens[layer] += count
  }

  /// 1 minus the mean cosines.
  var change: AttentionChange {
    let group = Double(model.queryHeads / model.keyHeads)
    func measure(_ sum: Double, _ count: Double) -> Float { Float(1 - sum / max(1, count)) }
    return AttentionChange(
      heads: heads.indices.map { measure(heads[$0], Double(tokens[$0 / model.keyHeads]) * group) },
      layers: layers.indices.map { measure(layers[$0], Double(tokens[$0])) })
  }

  /// The cosine of two vectors, given by their elements; 0 if one of them is zero.
  private func cosine(_ count: Int, _ elements: (Int) -> (Float, Float)) -> Double {
    var (dot, first, second) = (0.0, 0.0, 0.0)
    for index in 0..<count {
      let (a, b) = elements(index)
      dot += Double(a) * Double(b)
      first += Double(a) * Double(a)
      second += Double(b) * Double(b)
    }
    let lengths = (first * second).squareRoot()
    return lengths > 0 ? dot / lengths : 0
  }
}

/// Keeps everything, so that what is measured is full attention.
private struct KeepEverything: KVCachePolicy {
  static let name = "everything"
  static let summary = "keeps everything"
  static let source = "none"

  init() {}
  init(_ settings: inout Settings) throws(PolicyError) {}
  static func settings(budget: Amount) -> [String: JSONValue]? { nil }
  var cadence: Cadence { .never }
  mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}
