public import KVPolicyKit

/// Batched decoding of several sequences.
extension LlamaModel {
  /// Reads one token of each session and computes the logits of its next token.
  ///
  /// Every weight matrix is read and unpacked once for the whole batch. Attention and policies run
  /// for each session separately; if there are at least two sessions for each thread, policies of
  /// different sessions run at the same time.
  ///
  /// Sessions may differ in everything but the model: in length, policies and stores. They may join
  /// and leave between calls. In a batch of two or more, a session's results depend neither on the
  /// other sessions, nor on their order, nor on the number of threads. With quantised weights the
  /// last bits of its logits differ from those of `LlamaSession.decode(_:)`, which sums in another
  /// order.
  ///
  /// The batch uses the first session's scratch memory, which grows to `sessions.count` times the
  /// size for one token, and for attention each session's own.
  ///
  /// - Parameters:
  ///   - tokens: one token per session.
  ///   - sessions: sessions of this model; at least one, and no two on the same sequence.
  /// - Throws: `BatchError`, which names the session. Before anything has changed in any session:
  ///   for a token outside the vocabulary, for sessions that do not belong together, and if the
  ///   stores have no room for all tokens. After the step, which the other sessions have then
  ///   completed: if a policy's plan was bad, which ends its sequence, or if a session's logits are
  ///   not finite.
  /// - Complexity: O(sessions · (elements of the matrices + rows read)).
  public func decode(_ tokens: [Int], of sessions: [LlamaSession]) throws(BatchError) {
    try check(tokens, sessions)
    try reserve(sessions)
    guard let scratch = sessions.first?.scratch else { return }
    unsafe step(tokens, of: sessions, scratch)
    for (number, session) in sessions.enumerated() {
      if let failure = session.sequence.failure { throw .store(session: number, failure) }
    }
    for (number, session) in sessions.enumerated() {
      if let error = session.nonFiniteLogits { throw .model(session: number, error) }
    }
  }

  private func check(_ tokens: [Int], _ sessions: [LlamaSession]) throws(BatchError) {
    guard !sessions.isEmpty, tokens.count == sessions.count else {
      throw .counts(tokens: tokens.count, sessions: sessions.count)
    }
    var numbers: [ObjectIdentifier: Int] = [:]
    for (number, session) in sessions.enumerated() {
      guard session.model === self else { throw .otherModel(session: number) }
      if let other = numbers.updateValue(number, forKey: ObjectIdentifier(session.sequence)) {
        throw .sameSequence(session: number, as: other)
      }
      do throws(ModelError) {
        try check(CollectionOfOne(tokens[number]))
      } catch {
        throw .model(session: number, error)
      }
    }
  }

  /// Reserves a token for each session, counting what earlier sessions of the batch take from the
  /// same store.
  private func reserve(_ sessions: [LlamaSession]) throws(BatchError) {
    var taken: [ObjectIdentifier: Int] = [:]
    for (number, session) in sessions.enumerated() {
      let store = ObjectIdentifier(session.sequence.store)
      do throws(StoreError) {
        taken[store] = try session.sequence.reserve(tokens: 1, after: taken[store] ?? 0)
      } catch {
        throw .store(session: number, error)
      }
    }
  }
}

/// Why a batch of sessions could not decode. Sessions are numbered from 0, by their index in the
/// list.
public enum BatchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There is no session, or the numbers of tokens and sessions differ.
  case counts(tokens: Int, sessions: Int)
  /// Two sessions are identical, or run on the same sequence.
  case sameSequence(session: Int, as: Int)
  /// A session belongs to another model.
  case otherModel(session: Int)
  /// A session's token is not in the vocabulary, or its logits are not finite.
  case model(session: Int, ModelError)
  /// A session's cache has no room left beside the earlier sessions of the batch, or a bad plan
  /// ended its sequence.
  case store(session: Int, StoreError)

  /// The message shown to a person.
  public var description: String {
    switch self {
    case .counts(let tokens, let sessions):
      "\(sessions) sessions cannot decode \(tokens) tokens; give one token for each session, and at "
        + "least one session"
    case .sameSequence(let session, let other):
      "sessions \(other) and \(session) of the batch run on the same sequence, which reads one token at "
        + "a time; leave one out, or fork it"
    case .otherModel(let session):
      "session \(session) of the batch runs another model; decode the sessions of each model together"
    case .model(let session, let error): "session \(session) of the batch: \(error)"
    case .store(let session, let error): "session \(session) of the batch: \(error)"
    }
  }
}
