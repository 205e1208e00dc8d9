import KVPolicyKit
import MiniTasks
import ReferenceModel

/// The tokens that a model wrote for one document, and the state of its cache.
struct TaskAnswer: Sendable {
  /// The written tokens of all turns, joined. `TaskVocabulary.stop` ends each turn except the last,
  /// which may have been cut off.
  var written: [Int] = []
  /// The cache's statistics after the last written token was read.
  var statistics: CacheStatistics
  /// Whether the cache keeps all rows that decode steps add.
  let grows: Bool
  /// Processor seconds of the thread for the prompts.
  var promptSeconds = 0.0
  /// Processor seconds of the thread for the first prompt.
  var firstPromptSeconds = 0.0
  /// Processor seconds of the thread for the answers.
  var decodeSeconds = 0.0
  /// Seconds in the policy's hooks and plans.
  var hooks = PolicyTime()
  /// Bytes of policy state that the statistics do not count; see ``SweepDocument/uncountedBytes``.
  var uncountedBytes = 0

  init(_ sequence: KVSequence) { (statistics, grows) = (sequence.statistics, sequence.grows) }

  /// Appends a token and has the session read it. The session reads the last token too, so that
  /// under every policy the rows cover all written tokens.
  fileprivate mutating func write(_ token: Int, _ session: LlamaSession) throws {
    written.append(token)
    try session.decode(token)
  }
}

extension TaskComparison {
  /// Reads each prompt of a document and answers it: writes the most likely token until the model
  /// stops.
  ///
  /// An answer is cut off `margin` tokens after the length of the true response.
  /// `TaskVocabulary.stop` then precedes the user's next turn, as after an answer that ended by
  /// itself.
  ///
  /// - Parameters:
  ///   - margin: tokens that a turn's answer may be longer than the true response.
  ///   - watch: called after the first prompt, and after every token that was written and read,
  ///     with all written tokens.
  func answer(
    _ document: TaskDocument, under configuration: PolicyConfiguration,
    margin: Int = TaskComparison.margin,
    watch: ([Int], KVSequence) -> Void = { _, _ in }
  ) throws -> TaskAnswer {
    let session = try model.makeSession(
      configuration, registry: registry,
      in: PagedKVStore(shape: model.shape, configuration: store))
    var answer = TaskAnswer(session.sequence)
    let held = session.sequence.heldStateBytes
    for (prompt, response) in zip(document.prompts, document.responses) {
      if let last = answer.written.last, last != TaskVocabulary.stop {
        try answer.write(TaskVocabulary.stop, session)
      }
      let start = ProcessorTime.now().seconds
      try session.prefill(Array(prompt), chunk: chunk)
      let promptEnd = ProcessorTime.now().seconds
      if answer.written.isEmpty {
        answer.firstPromptSeconds = promptEnd - start
        watch([], session.sequence)
      }
      let limit = answer.written.count + response.count + margin
      repeat {
        try answer.write(Sampler.largest(session.logits), session)
        watch(answer.written, session.sequence)
      } while answer.written.count < limit && answer.written.last != TaskVocabulary.stop
      answer.promptSeconds += promptEnd - start
      answer.decodeSeconds += ProcessorTime.now().seconds - promptEnd
    }
    answer.statistics = session.sequence.statistics
    answer.hooks = session.policyTime
    answer.uncountedBytes = session.sequence.uncountedStateBytes(since: held)
    return answer
  }
}
