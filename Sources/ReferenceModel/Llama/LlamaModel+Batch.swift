public import KVPolicyKit

/// Sequences that decode together.
extension LlamaModel {
  /// Reads one token of each session and computes the logits of its next one. Every matrix of weights is
  /// read and unpacked once for all of them; attention and policies are each session's own.
  ///
  /// Sessions may differ in everything but the model: in length, policies and stores. They may come and go
  /// from one call to the next. What a session computes depends neither on which others are with it, nor
  /// on their order, nor on the number of threads, as long as there are two or more; with quantised weights the
  /// last bits of its logits differ from those of `LlamaSession.decode(_:)`, whose sums have another order.
  ///
  /// The first session lends its scratch memory, which grows to `sessions.count` times that of a token.
  ///
  /// - Parameters:
  ///   - tokens: one per session.
  ///   - sessions: of this model; at least one, and no two of the same sequence.
  /// - Throws: `BatchError`, which names the session. Before anything has changed in any of them: for
  ///   tokens outside the vocabulary, for sessions that do not belong together, and if the tokens of all do
  ///   not fit in their stores. After the step, which the others have then made: if a policy's own plan was
  ///   bad, which ends its sequence, or a session's logits are not finite.
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

  /// Makes sure that a token of each fits beside those of the sessions before it.
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

/// Why sessions could not decode together. Sessions are numbered by their places in the list, from 0.
public enum BatchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There is no session, or not one token for each.
  case counts(tokens: Int, sessions: Int)
  /// Two sessions are the same, or run on one sequence.
  case sameSequence(session: Int, as: Int)
  /// A session was made of another model.
  case otherModel(session: Int)
  /// A session's token is not in the vocabulary, or its logits are not finite.
  case model(session: Int, ModelError)
  /// A session's cache has no room beside those of the sessions before it, or was ended by a bad plan.
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
