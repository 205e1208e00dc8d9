public import KVPolicyKit

/// The sizes and constants of a Llama-family transformer, checked when they are read.
public struct LlamaConfiguration: Sendable, Equatable {
  /// `llama`, `mistral`, `qwen2` or `qwen3`.
  public var architecture: String
  /// Transformer layers; at least 1.
  public var layers: Int
  /// Elements of the residual stream.
  public var hidden: Int
  /// Elements between the two halves of the feed-forward block.
  public var intermediate: Int
  /// Query heads; a multiple of `keyHeads`.
  public var queryHeads: Int
  /// Key/value heads.
  public var keyHeads: Int
  /// Elements of one head's query, key and value; even.
  public var headDimension: Int
  /// Tokens in the vocabulary: matrix rows of the embedding.
  public var vocabulary: Int
  /// The longest context the model is made for, in tokens.
  public var contextLength: Int
  /// Added to the mean square in RMSNorm; positive.
  public var normEpsilon: Float
  /// How positions rotate queries and keys.
  public var rope: RopeConfiguration
  /// Whether the projections to queries, keys and values add a bias, as Qwen2's do.
  public var hasProjectionBias = false
  /// Whether RMSNorm is applied to the query and key of each head before they are rotated, with
  /// gains that all heads of a layer share, as in Qwen3.
  public var hasHeadNorm = false
  /// Whether the embedding is also the output head.
  public var tiedEmbedding: Bool
  /// The token that begins a text, if the file names a BOS token.
  public var bosToken: Int?
  /// The tokens that end a text; may be empty.
  public var eosTokens: [Int]

  /// The shape of the cache this model fills.
  public var cacheShape: CacheShape {
    CacheShape(
      layers: layers, keyHeads: keyHeads, queryHeads: queryHeads, headDimension: headDimension)
  }

  /// Checks that the key heads divide the query heads evenly and that a head has an even size.
  func checkHeads(file: String) throws(ModelError) {
    guard queryHeads % keyHeads == 0 else {
      throw .malformed(
        file: file,
        reason: "\(queryHeads) query heads do not divide among \(keyHeads) key heads")
    }
    guard headDimension % 2 == 0 else {
      throw .malformed(
        file: file,
        reason: "a head has \(headDimension) elements; rotary embedding needs an even number")
    }
  }
}

/// Rotary position embedding: the angles, and the pairs of elements they rotate.
public struct RopeConfiguration: Sendable, Equatable {
  /// How angles are scaled for contexts longer than the original training context.
  public enum Scaling: Sendable, Equatable {
    /// No scaling.
    case none
    /// Every position is divided by `factor`.
    case linear(factor: Double)
    /// Llama 3's rule, by wavelength. A frequency with a wavelength below `originalContext / high`
    /// stays unchanged. With a wavelength above `originalContext / low` it is divided by `factor`.
    /// In between, the two results are blended.
    case llama3(factor: Double, low: Double, high: Double, originalContext: Int)
  }

  /// The base: pair `i` rotates by `position · theta^(−2i / dimensions)` before scaling.
  public var theta: Double
  /// How the angles are scaled.
  public var scaling: Scaling
  /// `dimensions / 2` positive divisors of the inverse frequencies; nil if the file has none.
  public var frequencyFactors: [Float]?
  /// Which elements rotate as a pair.
  public var pairing: RotaryPairing
  /// Elements of a head that rotate: all elements in every supported model.
  public var dimensions: Int
}

extension LlamaConfiguration {
  /// A model without files: plain rotary embedding in Hugging Face's order and a tied head.
  ///
  /// - Throws: `ModelError.request` when a size is below 1 or above 2^24, when the key heads do not
  ///   divide the query heads evenly, when a head has an odd number of elements, or when
  ///   `ropeTheta` or `normEpsilon` is not positive.
  public init(
    layers: Int, hidden: Int, intermediate: Int, queryHeads: Int, keyHeads: Int,
    headDimension: Int, vocabulary: Int, contextLength: Int, ropeTheta: Double = 10_000,
    normEpsilon: Float = 1e-5
  ) throws(ModelError) {
    let sizes = [
      "layers": layers, "hidden": hidden, "intermediate": intermediate, "queryHeads": queryHeads,
      "keyHeads": keyHeads, "headDimension": headDimension, "vocabulary": vocabulary,
      "contextLength": contextLength,
    ]
    for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
      guard size >= 1, size <= ModelSettings.sizeLimit else {
        throw .request("'\(name)' is \(size); use 1 to \(ModelSettings.sizeLimit)")
      }
    }
    guard queryHeads % keyHeads == 0, headDimension % 2 == 0 else {
      throw .request(
        "\(queryHeads) query heads, \(keyHeads) key heads of \(headDimension) elements do not fit; "
          + "give each key head as many query heads, and each head an even number of elements")
    }
    guard ropeTheta > 0, normEpsilon > 0 else {
      throw .request("the base of the rotation and the norm's epsilon are positive numbers")
    }
    self.init(
      architecture: "llama", layers: layers, hidden: hidden, intermediate: intermediate,
      queryHeads: queryHeads, keyHeads: keyHeads, headDimension: headDimension,
      vocabulary: vocabulary, contextLength: contextLength, normEpsilon: normEpsilon,
      rope: RopeConfiguration(
        theta: ropeTheta, scaling: .none, frequencyFactors: nil, pairing: .halves,
        dimensions: headDimension),
      tiedEmbedding: true, bosToken: nil, eosTokens: [])
  }
}
