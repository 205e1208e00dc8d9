import Foundation
public import KVPolicyKit

/// A model ready to run: its weights and its threads.
///
/// Float matrices stay in the mapped file. Quantised matrices are rearranged into panels of rows,
/// the order in which products read them. The panels take as many bytes as the file's rows,
/// apart from padding in the last panel.
///
/// Any number of sessions may share a model, but only one may run at a time. A model with one
/// thread is the exception: its sessions share only constant weights, so each may run on a separate
/// thread.
public final class LlamaModel: Sendable {
  /// The sizes and constants of the architecture.
  public let configuration: LlamaConfiguration
  /// How a decode step multiplies quantised weights.
  public let arithmetic: Arithmetic
  /// Which model this is, however its matrices are stored.
  public let identity: ModelIdentity
  let weights: LlamaWeights
  let team: ThreadTeam

  /// Makes a model from opened files.
  ///
  /// - Parameters:
  ///   - files: the opened files; they stay mapped as long as the model lives.
  ///   - threads: number of threads that work on a matrix, from 1 to 256; by default one per core.
  ///     A number out of this range counts as the nearest number in it.
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

  /// Makes a model that shares the weights and threads of `other` but uses another arithmetic.
  ///
  /// The sessions of both models must run one at a time.
  public init(_ other: LlamaModel, arithmetic: Arithmetic) {
    configuration = other.configuration
    self.arithmetic = arithmetic
    identity = other.identity
    team = other.team
    weights = other.weights
  }

  /// The default number of threads: one per core.
  public static let defaultThreads = max(1, ProcessInfo.processInfo.activeProcessorCount)

  /// The default arithmetic: exact.
  public static let defaultArithmetic = Arithmetic.exact

  /// Number of threads that work on a matrix.
  public var threads: Int { team.threads }

  /// The shape of the model's key-value cache.
  public var shape: CacheShape { configuration.cacheShape }

  /// Starts a session over an empty cache sequence of this model's shape.
  ///
  /// - Precondition: the sequence's store has the model's shape. Both are made by the program that
  ///   calls, so a mismatch is a mistake in its code and traps.
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
    let policies = try configuration.makePolicies(
      registry, shape: shape, model: identity, store: store.configuration)
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

/// The least work of reading a token, counted from the sizes of the weight matrices. The gains of
/// the norms and the biases, a thousandth of the weights, are not counted.
extension LlamaModel {
  /// Bytes of all matrices that a decode step multiplies by: the matrices of all layers and the
  /// head.
  package var matrixBytes: Int { (layerMatrices + [weights.head]).reduce(0) { $0 + $1.bytes } }

  /// Bytes of one token's row of the embedding matrix.
  package var embeddingRowBytes: Int { weights.embedding.rowBytes }

  /// Elements of the matrices of all layers: each costs one multiplication and one addition per
  /// token.
  package var layerElements: Int { layerMatrices.reduce(0) { $0 + $1.rows * $1.columns } }

  /// Elements of the head: each costs one multiplication and one addition for every token whose
  /// vocabulary logits are wanted.
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

/// How quantised weights are multiplied, and keys that are stored as integers.
///
/// Products with weights and keys of 16 or 32 bits are computed in floats in any case.
public enum Arithmetic: String, CaseIterable, Codable, Sendable {
  /// In floats: weights are converted to floats, inputs stay as they are.
  case exact
  /// Decode steps in integers: inputs are rounded to 8 bits, with one scale per 32 elements, and
  /// multiplied with the integers of the weights. Prompts are computed in floats.
  ///
  /// Queries are rounded to 16 bits, with one scale per query head, where keys are integers: in
  /// rows in `RowFormat.q8_0`, and in codes. An element changes by at most 1/65534 of the greatest
  /// magnitude of its query.
  ///
  /// A token takes less time, because only reading the weights from memory remains to wait for.
  ///
  /// Rounding changes an input by at most 1/254 of the greatest magnitude among its 32 elements.
  /// `kvpolicy compare --arithmetic integer` measures the effect on a model's predictions.
  /// llama.cpp rounds inputs of the same types in this way on a CPU (its Q8_0 and Q8_1 inputs),
  /// except that here the scale of an input's block keeps 32 bits.
  case integer
  /// Prompts in integers too.
  case allInteger = "all-integer"
}
