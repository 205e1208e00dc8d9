import Foundation
public import KVPolicyKit

/// A model ready to run: its weights and its threads. Float matrices stay where the file is mapped;
/// quantised ones, of which products read sixteen rows at once, are brought into that order, in as
/// many bytes.
///
/// Shared by any number of sessions, one of which runs at a time; with one thread, each may run on
/// a thread of its own, for they share nothing but weights that never change.
public final class LlamaModel: Sendable {
  /// The sizes and constants of the architecture.
  public let configuration: LlamaConfiguration
  /// How a decode step multiplies quantised weights.
  public let arithmetic: Arithmetic
  /// Which model it is, however its matrices are stored.
  public let identity: ModelIdentity
  let weights: LlamaWeights
  let team: ThreadTeam

  /// Makes a model of opened files.
  ///
  /// - Parameters:
  ///   - files: what was opened; its mappings stay as long as the model.
  ///   - threads: how many work on a matrix; by default one per core.
  ///   - arithmetic: how a decode step multiplies quantised weights.
  public init(
    _ files: ModelFiles, threads: Int = LlamaModel.defaultThreads,
    arithmetic: Arithmetic = LlamaModel.defaultArithmetic
  ) {
    configuration = files.configuration
    self.arithmetic = arithmetic
    team = ThreadTeam(threads: max(1, threads))
    identity = files.weights.identity(of: files.configuration)
    weights = files.weights.inPanels(team: team)
  }

  /// The same model, weights and threads shared, in another arithmetic.
  ///
  /// Sessions of either run one at a time.
  public init(_ other: LlamaModel, arithmetic: Arithmetic) {
    configuration = other.configuration
    self.arithmetic = arithmetic
    identity = other.identity
    team = other.team
    weights = other.weights
  }

  /// One thread per core.
  public static let defaultThreads = max(1, ProcessInfo.processInfo.activeProcessorCount)

  /// Exact arithmetic.
  public static let defaultArithmetic = Arithmetic.exact

  /// Threads that work on a matrix.
  public var threads: Int { team.threads }

  /// The shape of its key-value cache.
  public var shape: CacheShape { configuration.cacheShape }

  /// Starts a session over an empty cache sequence of this model's shape.
  public func makeSession(_ sequence: KVSequence) -> LlamaSession {
    LlamaSession(model: self, sequence: sequence)
  }

  /// Starts a session over an empty cache, under the policies of a configuration.
  ///
  /// ```swift
  /// let store = try PagedKVStore(shape: model.shape)
  /// let session = try model.makeSession(configuration, registry: .all, in: store)
  /// ```
  ///
  /// - Throws: `PolicyError` for a configuration that the registry or this model cannot serve.
  public func makeSession(
    _ configuration: PolicyConfiguration, registry: PolicyRegistry, in store: PagedKVStore
  ) throws(PolicyError) -> LlamaSession {
    let policies = try configuration.makePolicies(registry, shape: shape, model: identity)
    return makeSession(store.makeSequence(policies))
  }

  /// Checks that every token is in the vocabulary.
  func check(_ tokens: some Sequence<Int>) throws(ModelError) {
    for token in tokens where token < 0 || token >= configuration.vocabulary {
      throw .request(
        "token \(token) is not in the vocabulary; tokens are 0 to \(configuration.vocabulary - 1)")
    }
  }
}

/// What reading a token takes at least, counted from the sizes of the weights. The gains of the norms, a
/// thousandth of the rest, are not counted.
extension LlamaModel {
  /// Bytes of every matrix that a decode step multiplies by: all layers' and the head's.
  package var matrixBytes: Int { (layerMatrices + [weights.head]).reduce(0) { $0 + $1.bytes } }

  /// Bytes of a token's row of the embedding.
  package var embeddingRowBytes: Int { weights.embedding.rowBytes }

  /// Elements of the matrices of all layers: a multiplication and an addition each, for every token.
  package var layerElements: Int { layerMatrices.reduce(0) { $0 + $1.rows * $1.columns } }

  /// Elements of the head: a multiplication and an addition each, for every token whose logits are wanted.
  package var headElements: Int { weights.head.rows * weights.head.columns }

  private var layerMatrices: [WeightMatrix] {
    weights.layers.flatMap {
      [$0.query, $0.key, $0.value, $0.output, $0.gate, $0.up, $0.down]
    }
  }
}

extension WeightMatrix {
  /// Bytes of all rows.
  fileprivate var bytes: Int { rows * rowBytes }
}

/// How the products of a decode step with quantised weights are computed. Products with weights of 16 or 32
/// bits are computed in floats in any case, and so are prompts.
public enum Arithmetic: String, CaseIterable, Codable, Sendable {
  /// In floats: weights become floats, inputs stay as they are.
  case exact
  /// In integers: inputs are rounded to 8 bits, each 32 with a scale of their own, and meet the weights as
  /// integers. A token takes less time, because reading the weights is all that is left to wait for.
  ///
  /// An input is off by up to a 254th of the greatest magnitude among its 32. What that does to a
  /// model's predictions, `kvpolicy compare --arithmetic integer` measures. It is what llama.cpp does on a
  /// processor for the same types (its Q8_0 and Q8_1 inputs), except that the scale of an input's block
  /// keeps 32 bits here.
  case integer
}
