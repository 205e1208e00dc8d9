public import KVPolicyKit

/// The numbers that make a transformer of the Llama family, checked when they were read.
public struct LlamaConfiguration: Sendable, Equatable {
  /// `llama` or `mistral`; both run the same arithmetic.
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
  /// Tokens the model knows: rows of the embedding.
  public var vocabulary: Int
  /// Positions the model was made for.
  public var contextLength: Int
  /// Added to the mean square in RMSNorm; positive.
  public var normEpsilon: Float
  /// How positions turn queries and keys.
  public var rope: RopeConfiguration
  /// Whether the embedding is also the output head.
  public var tiedEmbedding: Bool
  /// The token a text begins with, if the file names one.
  public var bosToken: Int?
  /// The tokens that end a text; may be empty.
  public var eosTokens: [Int]

  /// The shape of the cache this model fills.
  public var cacheShape: CacheShape {
    CacheShape(
      layers: layers, keyHeads: keyHeads, queryHeads: queryHeads, headDimension: headDimension)
  }

  /// The architectures that run, for messages.
  static let architectures = ["llama", "mistral"]

  /// Refuses every architecture but those of `architectures`.
  static func checkArchitecture(_ name: String) throws(ModelError) {
    guard architectures.contains(name) else {
      throw .unsupported(
        what: "the architecture '\(name)'", supported: architectures.joined(separator: ", "))
    }
  }

  /// Checks what no single number shows: heads in whole groups, dimensions in whole pairs.
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

/// Rotary position embedding: which angles, and which elements they turn together.
public struct RopeConfiguration: Sendable, Equatable {
  /// How the angles are stretched for contexts longer than those of the first training.
  public enum Scaling: Sendable, Equatable {
    /// Not at all.
    case none
    /// Every position is divided by `factor`.
    case linear(factor: Double)
    /// Llama 3's rule: frequencies with a wavelength below `originalContext / high` stay, those
    /// above `originalContext / low` are divided by `factor`, and those between are blended.
    case llama3(factor: Double, low: Double, high: Double, originalContext: Int)
  }

  /// Which two elements of a head turn together.
  public enum Pairing: String, Sendable {
    /// Element `i` with `i + dimensions / 2`: Hugging Face's order.
    case halves
    /// Element `2i` with `2i + 1`: the order of GGUF files, whose query and key rows are permuted.
    case interleaved
  }

  /// The base: pair `i` turns by `position · theta^(−2i / dimensions)` before scaling.
  public var theta: Double
  /// How the angles are stretched.
  public var scaling: Scaling
  /// `dimensions / 2` divisors of the inverse frequencies, positive, if the file has them.
  public var frequencyFactors: [Float]?
  /// Which elements turn together.
  public var pairing: Pairing
  /// Elements of a head that turn; all of them in every supported model.
  public var dimensions: Int
}
