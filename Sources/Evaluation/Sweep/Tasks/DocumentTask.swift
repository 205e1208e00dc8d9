public import KVPolicyKit
public import MiniTasks
import ReferenceModel

/// A sweep's task that gives a model documents of the task language and counts the right answers.
///
/// The model writes its answers itself. Each kind of check is a score, and `all` has all checks.
public struct DocumentTask: SweepTask {
  /// The kind of the documents.
  public let kind: TaskMixture.Kind

  /// Stretches of the true response, each with its own scores.
  private static let stretches = 8

  /// A task of documents of a kind.
  public init(_ kind: TaskMixture.Kind) { self.kind = kind }

  /// The name of the kind.
  public var name: String { kind.rawValue }
  /// None.
  public var settings: [String: JSONValue] { [:] }
  /// All checks.
  public var quality: (score: String, better: SweepCell.Better) { ("all", .more) }
  /// The first prompt ends with its questions.
  public var conditions: SweepConditions {
    SweepConditions(questionSeen: kind == .dialogue ? .first : .yes, sampling: .greedy)
  }

  /// Refuses a model of another language, and impossible sizes.
  public func check(length: Int, seed: Int, documents: Int, for model: SweepModel) throws {
    try TaskLanguage.check(model.files)
    guard length >= kind.shortest else {
      throw TaskError.tooShort(tokens: length, needed: kind.shortest)
    }
    let (seeds, most) = (TaskComparison.seeds, TaskComparison.documentsPerSeed)
    guard seeds.contains(seed), documents <= most else {
      throw SweepError.plan(
        "the task '\(name)' has seeds from \(seeds.lowerBound) to \(seeds.upperBound), of \(most) "
          + "documents each; ask for one of them, and for as many")
    }
  }

  /// A held-out document.
  public func sample(
    _ number: Int, length: Int, seed: Int, for model: SweepModel
  ) throws -> TaskDocument {
    try TaskComparison.document(number, seed: seed, kind, tokens: length)
  }

  /// The true response's length stands for that of the written one.
  public func work(_ document: TaskDocument) -> (prompt: Int, decode: Int) {
    let response = document.response.count
    return (document.tokens.count - response, response)
  }

  /// Lets the model answer under each configuration.
  public func measure(
    _ document: TaskDocument, under configurations: [PolicyConfiguration], on engine: SweepEngine
  ) throws -> [SweepMeasurement] {
    var comparison = TaskComparison(engine.model, registry: engine.registry)
    (comparison.chunk, comparison.store) = (engine.options.chunk, engine.options.store)
    return try configurations.map { configuration in
      let answer = try comparison.answer(document, under: configuration)
      let (scores, stretches) = scores(answer, to: document)
      return SweepMeasurement(
        document: SweepDocument(
          promptTokens: document.tokens.count - document.response.count,
          decodeTokens: answer.written.count, scores: scores, stretches: stretches,
          cache: answer.statistics, uncountedBytes: answer.uncountedBytes),
        times: SweepTimes.Document(
          firstTokenSeconds: answer.firstPromptSeconds, promptSeconds: answer.promptSeconds,
          decodeSeconds: answer.decodeSeconds, hooks: answer.hooks))
    }
  }

  /// The scores of an answer: of all checks, and of each kind of check.
  private func scores(
    _ answer: TaskAnswer, to document: TaskDocument
  ) -> ([String: SweepScore], [SweepDocument.Stretch]) {
    let length = document.response.count
    let parts = min(DocumentTask.stretches, length)
    var scores: [String: SweepScore] = [:]
    var stretches = (0..<parts).map { part in
      SweepDocument.Stretch(
        from: length * part / parts, to: length * (part + 1) / parts, scores: [:])
    }
    for outcome in document.score(answer.written).outcomes {
      let hit = outcome.isHit ? 1.0 : 0
      scores[quality.score, default: SweepScore()].add(hit)
      scores[outcome.check.kind.rawValue, default: SweepScore()].add(hit)
      if let index = stretches.firstIndex(where: { outcome.check.position < $0.to }) {
        stretches[index].scores[quality.score, default: SweepScore()].add(hit)
      }
    }
    return (scores, stretches)
  }
}
