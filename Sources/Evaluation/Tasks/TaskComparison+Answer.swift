import KVPolicyKit
import MiniTasks
import ReferenceModel

/// What a model wrote to one document, and what its cache held.
struct TaskAnswer: Sendable {
  /// The tokens of all turns, joined. `TaskVocabulary.stop` ends each turn but the last, which may have been
  /// cut off.
  var written: [Int] = []
  /// The cache after the last of them was read.
  var statistics: CacheStatistics
  /// Seconds of the thread's processor time for the prompts.
  var promptSeconds = 0.0
  /// Seconds of the thread's processor time for the answers.
  var decodeSeconds = 0.0

  init(statistics: CacheStatistics) { self.statistics = statistics }

  /// Appends a token, and has the session read it: the last one too, so that every policy's rows stand for
  /// all that was written.
  fileprivate mutating func write(_ token: Int, _ session: LlamaSession) throws {
    written.append(token)
    try session.decode(token)
  }
}

extension TaskComparison {
  /// Reads each prompt of a document, then writes the most likely token again and again, until the model
  /// stops.
  ///
  /// A turn's answer is cut off `margin` tokens after the length of the true one. The user's next turn then begins after
  /// `TaskVocabulary.stop`, as it does after an answer that ended.
  ///
  /// - Parameters:
  ///   - margin: tokens that a turn's answer may be longer than the true one.
  ///   - watch: called after the first prompt and after every token that was written and read, with all of
  ///     them.
  func answer(
    _ document: TaskDocument, under configuration: PolicyConfiguration,
    margin: Int = TaskComparison.margin,
    watch: ([Int], KVSequence) -> Void = { _, _ in }
  ) throws -> TaskAnswer {
    let session = try model.makeSession(
      configuration, registry: registry,
      in: PagedKVStore(shape: model.shape, configuration: store))
    var answer = TaskAnswer(statistics: session.sequence.statistics)
    for (prompt, response) in zip(document.prompts, document.responses) {
      if let last = answer.written.last, last != TaskVocabulary.stop {
        try answer.write(TaskVocabulary.stop, session)
      }
      let start = ProcessorTime.now().seconds
      try session.prefill(Array(prompt), chunk: chunk)
      let promptEnd = ProcessorTime.now().seconds
      if answer.written.isEmpty { watch([], session.sequence) }
      let limit = answer.written.count + response.count + margin
      repeat {
        try answer.write(Sampler.largest(session.logits), session)
        watch(answer.written, session.sequence)
      } while answer.written.count < limit && answer.written.last != TaskVocabulary.stop
      answer.promptSeconds += promptEnd - start
      answer.decodeSeconds += ProcessorTime.now().seconds - promptEnd
    }
    answer.statistics = session.sequence.statistics
    return answer
  }
}
