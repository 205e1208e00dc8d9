import KVPolicyKit
import MiniTasks
import ReferenceModel

/// What a model wrote to one document, and what its cache held.
struct TaskAnswer: Sendable {
  /// The tokens, at most one of them `TaskVocabulary.stop`, the last.
  var written: [Int]
  /// The cache after the last of them was read.
  var statistics: CacheStatistics
  /// Seconds of the thread's processor time for the prompt.
  var promptSeconds: Double
  /// The same from there to the end.
  var decodeSeconds: Double
}

extension TaskComparison {
  /// Reads a document's prompt, then writes the most likely token again and again, until the model
  /// stops.
  ///
  /// - Parameters:
  ///   - limit: the most tokens to write.
  ///   - watch: called after the prompt and after every token that was written and read, with all of them.
  func answer(
    _ document: TaskDocument, under configuration: PolicyConfiguration, limit: Int,
    watch: ([Int], KVSequence) -> Void = { _, _ in }
  ) throws -> TaskAnswer {
    let policies = try configuration.makePolicies(
      registry, shape: model.shape, model: model.identity)
    let store = try PagedKVStore(shape: model.shape, configuration: self.store)
    let session = model.makeSession(store.makeSequence(policies))
    let start = ProcessorTime.now().seconds
    try session.prefill(Array(document.prompt), chunk: chunk)
    let promptEnd = ProcessorTime.now().seconds
    watch([], session.sequence)
    var written: [Int] = []
    while written.count < limit, written.last != TaskVocabulary.stop {
      let token = Sampler.largest(session.logits)
      written.append(token)
      // The last token is read too, so that every policy's rows stand for all that was written.
      try session.decode(token)
      watch(written, session.sequence)
    }
    return TaskAnswer(
      written: written, statistics: session.sequence.statistics,
      promptSeconds: promptEnd - start, decodeSeconds: ProcessorTime.now().seconds - promptEnd)
  }
}
