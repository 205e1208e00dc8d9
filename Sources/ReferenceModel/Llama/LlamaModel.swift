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

  /// Checks that every token is in the vocabulary.
  func check(_ tokens: some Sequence<Int>) throws(ModelError) {
    for token in tokens where token < 0 || token >= configuration.vocabulary {
      throw .request(
        "token \(token) is not in the vocabulary; tokens are 0 to \(configuration.vocabulary - 1)")
    }
  }
}
