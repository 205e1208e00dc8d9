public import KVPolicyKit
public import ReferenceModel

/// A task that a sweep measures policies on: it makes numbered samples, and measures one of them
/// under configurations.
///
/// A new task is a type of this protocol and an entry of ``SweepTaskKind/all``. Samples and
/// measurements must depend on nothing but the arguments: sweeps are resumed, shared between
/// machines and checked by running a cell again.
public protocol SweepTask: Sendable {
  /// A sample: a document, with what is asked about it.
  associatedtype Sample: Sendable

  /// The task's name in plans and records.
  var name: String { get }
  /// The settings on which samples and measurements depend, as records state them;
  /// ``SweepTaskKind`` reads them from a plan.
  var settings: [String: JSONValue] { get }
  /// The score that says how good a policy is, and its direction.
  var quality: (score: String, better: SweepCell.Better) { get }
  /// What the task decides of the protocol.
  var conditions: SweepConditions { get }
  /// Whether a seed draws other samples. A task without seeds has one cell for all of them.
  var usesSeeds: Bool { get }
  /// The most configurations that are measured together on a sample, because they share work. A
  /// sweep that is killed repeats at most as many cells for every job.
  var together: Int { get }

  /// Refuses lengths, seeds and numbers of documents that cannot be, before anything runs.
  func check(length: Int, seed: Int, documents: Int, for model: SweepModel) throws
  /// The sample of this number, from 0.
  func sample(_ number: Int, length: Int, seed: Int, for model: SweepModel) throws -> Sample
  /// Tokens of the prompts, and tokens that are written or forced after them, for an estimate of
  /// the time.
  func work(_ sample: Sample) -> (prompt: Int, decode: Int)
  /// The measurements of a sample, one for each of the configurations; each in its own store.
  func measure(
    _ sample: Sample, under configurations: [PolicyConfiguration], on engine: SweepEngine
  ) throws -> [SweepMeasurement]
}

extension SweepTask {
  /// Tasks draw samples, unless they say otherwise.
  public var usesSeeds: Bool { true }
  /// Configurations share no work, unless a task says otherwise.
  public var together: Int { 1 }

  /// The measurements of the sample of a number.
  func measure(
    _ number: Int, of cell: SweepCell, for model: SweepModel,
    under configurations: [PolicyConfiguration], on engine: SweepEngine
  ) throws -> [SweepMeasurement] {
    let sample = try sample(number, length: cell.length, seed: cell.seed, for: model)
    return try measure(sample, under: configurations, on: engine).map { measurement in
      var numbered = measurement
      numbered.document.number = number
      return numbered
    }
  }

  /// The work of the first sample.
  func work(length: Int, seed: Int, for model: SweepModel) throws -> (prompt: Int, decode: Int) {
    work(try sample(0, length: length, seed: seed, for: model))
  }
}

/// What a task decides of ``SweepProtocol``.
public struct SweepConditions: Equatable, Sendable {
  /// Whether the policy has read the question when it forgets part of the prompt.
  public var questionSeen: SweepProtocol.QuestionSeen
  /// How tokens are chosen.
  public var sampling: SweepProtocol.Sampling
  /// Whether the answer's first words are given.
  public var answerPrefix: Bool

  /// Conditions of a task.
  public init(
    questionSeen: SweepProtocol.QuestionSeen, sampling: SweepProtocol.Sampling,
    answerPrefix: Bool = false
  ) {
    self.questionSeen = questionSeen
    self.sampling = sampling
    self.answerPrefix = answerPrefix
  }
}

/// The measurement of one sample under one configuration.
public struct SweepMeasurement: Sendable {
  /// What depends on sample and configuration alone. The sweep fills in the number.
  public var document: SweepDocument
  /// What varies.
  public var times: SweepTimes.Document

  /// A measurement.
  public init(document: SweepDocument, times: SweepTimes.Document) {
    (self.document, self.times) = (document, times)
  }
}

/// A model in memory, and how sessions are made with it.
public struct SweepEngine: Sendable {
  /// The model. One thread computes its products, so that several samples can be measured at once.
  public let model: LlamaModel
  /// The policies that configurations can name.
  public let registry: PolicyRegistry
  /// How prompts are read and rows are stored.
  public let options: SweepOptions

  /// A session with a store of its own.
  public func makeSession(_ configuration: PolicyConfiguration) throws -> LlamaSession {
    try model.makeSession(
      configuration, registry: registry,
      in: PagedKVStore(shape: model.shape, configuration: options.store))
  }
}
